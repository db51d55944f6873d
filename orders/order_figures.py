"""Figures of orders: how many of an event were reserved, and how they went on."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from events.models import Event
from orders.figures import written_until
from orders.models import Order, OrderStatus
from orders.sales_slots import OrderSlot


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """How many orders were made, and how they went on. The rest are open."""

    reserved: int = 0
    paid: int = 0
    expired: int = 0
    cancelled: int = 0
    declined: int = 0

    @property
    def open(self) -> int:
        ended = self.paid + self.expired + self.cancelled + self.declined
        return max(0, self.reserved - ended)


def count_orders(event: Event) -> OrderCounts:
    """Return how many orders of an event were made, and how they went on."""
    since = written_until()
    orders = Order.objects.filter(event=event)
    ends = orders.filter(closed_at__gte=since).aggregate(
        **{
            status.value: Count("pk", filter=Q(status=status))
            for status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED, OrderStatus.PAYMENT_FAILED)
        }
    )
    names = ("reserved", "paid", "expired", "cancelled", "declined")
    written = OrderSlot.objects.filter(event=event, starts_at__lt=since).aggregate(
        **{name: Sum(name, default=0) for name in names}
    )
    return OrderCounts(
        written["reserved"] + orders.filter(created_at__gte=since).count(),
        written["paid"] + orders.filter(paid_at__gte=since).count(),
        written["expired"] + ends["expired"],
        written["cancelled"] + ends["cancelled"],
        written["declined"] + ends["payment_failed"],
    )
