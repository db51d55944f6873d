"""Refunding: the tickets die, the places are free again, and the money goes back."""

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
from ticketing.messages import Message, next_ask, send_after_commit
from tickets.models import Ticket, TicketStatus


class OrderNotRefundable(Conflict):
    """Only what is paid can be refunded."""

    code = "order_not_refundable"
    title = "This order cannot be refunded"


def refund_order(*, order_id: UUID, now: datetime) -> None:
    """
    Revoke an order's tickets at once and owe the buyer all of the money. Twice is once.

    The money follows by the worker: who asked the gateway first and died would leave a buyer who
    has his money and his tickets.

    :raises OrderNotRefundable: if it is not paid
    """
    order = Order.objects.select_related("event").get(pk=order_id)
    if _take_back(order, now) and order.event.status == EventStatus.PUBLISHED:
        # Its hold is long gone, so the live stock learns of the free places by being read again.
        try_to_rebuild_stock(event_id=order.event_id)


def return_money(*, order_id: UUID, now: datetime) -> None:
    """
    Give the money back that a refund owes. Twice is once.

    :raises GatewayAway: if the gateway gave no answer; the message comes back
    """
    payment = Payment.objects.get(order_id=order_id)
    if payment.status == PaymentStatus.REFUNDING:
        refund(payment, now=now)
        Payment.objects.filter(pk=payment.pk, status=PaymentStatus.REFUNDING).update(
            status=PaymentStatus.REFUNDED, refunded_at=now
        )


@transaction.atomic(durable=True)
def _take_back(order: Order, now: datetime) -> bool:
    share_event(order.event.number)
    if not move_order(order.pk, was=OrderStatus.PAID, becomes=OrderStatus.REFUNDED, closed_at=now):
        order.refresh_from_db(fields=["status"])
        if order.status != OrderStatus.REFUNDED:
            raise OrderNotRefundable(f"The order is {order.status}.")
        return False
    Payment.objects.filter(order_id=order.pk).update(
        status=PaymentStatus.REFUNDING, asks=0, ask_again_at=next_ask(0, now=now)
    )
    Ticket.objects.filter(order_id=order.pk).exclude(status=TicketStatus.REVOKED).update(
        status=TicketStatus.REVOKED, revoked_at=now
    )
    return_sold(quantities_of(order.pk))
    send_after_commit(Message.RETURN_MONEY, order_id=order.pk)
    return True
