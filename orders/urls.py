from django.urls import re_path

from orders.views import OneOrder, OrderCancellation, OrderPayment, Orders, reserve_quickly
from ticketing.api.quick import quickly

_ORDER = r"^orders/(?P<order_id>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"

urlpatterns = [
    re_path(r"^orders/?$", quickly(Orders.as_view(), POST=reserve_quickly)),
    re_path(_ORDER + r"/?$", OneOrder.as_view()),
    re_path(_ORDER + r"/payment/?$", OrderPayment.as_view()),
    re_path(_ORDER + r"/cancel/?$", OrderCancellation.as_view()),
]
