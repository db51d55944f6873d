"""Refunding: the money goes back, the tickets die, the places are free again."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.inventory import return_sold, share_event
from events.models import EventStatus
from events.recovery import try_to_rebuild_stock
from orders.gateway import refund
from orders.models import Order, OrderStatus, Payment, PaymentStatus
from orders.payment import quantities_of
from orders.state import move_order
from ticketing.errors import Conflict
from tickets.models import Ticket, TicketStatus


class OrderNotRefundable(Conflict):
    """Only what is paid can be refunded."""

    code = "order_not_refundable"
    title = "This order cannot be refunded"


def refund_order(*, order_id: UUID, now: datetime) -> None:
    """
    Give all of an order's money back and revoke its tickets. Twice is once.

    :raises OrderNotRefundable: if it is not paid
    :raises GatewayAway: if the gateway gave no answer; nothing has changed, ask again
    """
    order = Order.objects.select_related("payment", "event").get(pk=order_id)
    if order.status == OrderStatus.REFUNDED:
        return
    if order.status != OrderStatus.PAID:
        raise OrderNotRefundable(f"The order is {order.status}.")
    refund(order.payment, now=now)
    if _take_back(order, now) and order.event.status == EventStatus.PUBLISHED:
        # Its hold is long gone, so the live stock learns of the free places by being read again.
        try_to_rebuild_stock(event_id=order.event_id)


@transaction.atomic(durable=True)
def _take_back(order: Order, now: datetime) -> bool:
    share_event(order.event.number)
    if not move_order(order.pk, was=OrderStatus.PAID, becomes=OrderStatus.REFUNDED, closed_at=now):
        return False
    Payment.objects.filter(order_id=order.pk).update(status=PaymentStatus.REFUNDED, refunded_at=now)
    Ticket.objects.filter(order_id=order.pk).exclude(status=TicketStatus.REVOKED).update(
        status=TicketStatus.REVOKED, revoked_at=now
    )
    return_sold(quantities_of(order.pk))
    return True
