"""Mailing an order's tickets to another address."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from orders.correction import correct_customer_email
from orders.models import OrderStatus
from ticketing.actors import Actor
from ticketing.queue.messages import Message, send_after_commit
from tickets.asking import asked_afresh
from tickets.models import Delivery


@transaction.atomic(durable=True)
def redirect_tickets(
    *, order_id: UUID, was: str, becomes: str, actor: Actor, now: datetime
) -> None:
    """
    Correct an order's email address. If it is paid, its tickets are mailed to the new one.

    A mail that is on its way to the old address at this moment does not count as the order's.

    :raises AddressNotMailable: if no mail can reach the new address
    :raises AddressNotCorrected: if the order has another address by now, or is over
    """
    correct_customer_email(order_id=order_id, was=was, becomes=becomes, actor=actor, now=now)
    deliveries = Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID)
    # The new recipient has a limit of its own.
    if deliveries.update(**asked_afresh(now=now), goes_at=None):
        send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
