from django.urls import re_path

from orders.confirmation_page import OrderConfirmation, beside_the_page
from orders.organizer_views import EventOrders, EventOrdersExport
from orders.reservation_views import EventChallenge, Orders, reserve_quickly
from orders.views import OneOrder, OrderCancellation, OrderPayment
from ticketing.api.quick import quickly

_EVENT = r"^events/(?P<reference>[A-Za-z0-9-]{1,80})"
_ORDER = r"^orders/(?P<order_id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"

urlpatterns = [
    re_path(r"^orders/?$", quickly(Orders.as_view(), POST=reserve_quickly)),
    re_path(_EVENT + r"/challenge/?$", EventChallenge.as_view()),
    re_path(_EVENT + r"/orders/?$", EventOrders.as_view()),
    re_path(_EVENT + r"/orders\.csv/?$", EventOrdersExport.as_view()),
    re_path(_ORDER + r"/?$", OneOrder.as_view()),
    re_path(_ORDER + r"/payment/?$", OrderPayment.as_view()),
    re_path(_ORDER + r"/confirmation/?$", beside_the_page(OrderConfirmation.as_view())),
    re_path(_ORDER + r"/cancel/?$", OrderCancellation.as_view()),
]
