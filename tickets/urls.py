from django.urls import re_path

from tickets.operations import Readiness, metrics
from tickets.views import OrderTickets, TicketValidation

_ORDER = r"^orders/(?P<order_id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"

urlpatterns = [
    re_path(_ORDER + r"/ticket/?$", OrderTickets.as_view()),
    re_path(r"^tickets/validate/?$", TicketValidation.as_view()),
    re_path(r"^readyz/?$", Readiness.as_view()),
    re_path(r"^metrics/?$", metrics),
]
