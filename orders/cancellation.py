"""Giving reserved tickets back before they are paid for."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.holds import Ruling, Verdict
from orders.expiry import obey
from orders.models import Order, OrderStatus
from orders.state import move_order, move_orders
from ticketing.errors import Conflict


class OrderNotCancellable(Conflict):
    """Only what is reserved can be cancelled."""

    code = "order_not_cancellable"
    title = "This order cannot be cancelled"


def cancel_order(*, order_id: UUID, now: datetime) -> None:
    """
    End a reservation and give its tickets back. Cancelling twice is cancelling once.

    :raises OrderNotCancellable: if it is paid, being paid for, or has run out
    """
    _cancel(order_id, now)
    order = Order.objects.only("status", "event_id").get(pk=order_id)
    if order.status != OrderStatus.CANCELLED:
        raise OrderNotCancellable(f"The order is {order.status}.")
    obey(event_id=order.event_id, verdicts=[Verdict(order_id, Ruling.RELEASE)])


def cancel_reservations(*, event_id: UUID, order_ids: Collection[UUID], now: datetime) -> None:
    """End those of an event's reservations that are still open."""
    with transaction.atomic(durable=True):
        move_orders(
            order_ids,
            was=OrderStatus.RESERVED,
            becomes=OrderStatus.CANCELLED,
            closed_at=now,
        )
    cancelled = Order.objects.filter(pk__in=order_ids, status=OrderStatus.CANCELLED)
    verdicts = [Verdict(order, Ruling.RELEASE) for order in cancelled.values_list("pk", flat=True)]
    obey(event_id=event_id, verdicts=verdicts)


@transaction.atomic(durable=True)
def _cancel(order_id: UUID, now: datetime) -> None:
    move_order(order_id, was=OrderStatus.RESERVED, becomes=OrderStatus.CANCELLED, closed_at=now)
