from django.urls import re_path

from ticketing.api.quick import quickly
from tickets.operations import Readiness, metrics
from tickets.views import OrderTickets, TicketValidation, check_in_quickly

_ORDER = r"^orders/(?P<order_id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"

urlpatterns = [
    re_path(_ORDER + r"/ticket/?$", OrderTickets.as_view()),
    re_path(r"^tickets/validate/?$", quickly(TicketValidation.as_view(), POST=check_in_quickly)),
    re_path(r"^readyz/?$", Readiness.as_view()),
    re_path(r"^metrics/?$", metrics),
]
