"""Correct an order's email address and mail its tickets there."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from orders.correction import correct_customer_email
from orders.models import OrderStatus
from ticketing.actors import Actor
from ticketing.queue.messages import Message, send_after_commit
from tickets.mail_request import new_mail_request
from tickets.models import Delivery


@transaction.atomic(durable=True)
def redirect_tickets(
    *, order_id: UUID, was: str, becomes: str, actor: Actor, now: datetime
) -> None:
    """
    Correct an order's email address. If it is paid, its tickets are mailed to the new one.

    A mail that a worker is sending to the old address at this moment does not complete the
    delivery: the new address gets one too.

    :raises AddressNotMailable: if no mail can reach the new address
    :raises AddressNotCorrected: if the order's address is not `was`, or the order gets no mail
    """
    correct_customer_email(order_id=order_id, was=was, becomes=becomes, actor=actor, now=now)
    deliveries = Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID)
    # `goes_at` comes from the mail limit of the old address. The new address has its own limit.
    if deliveries.update(**new_mail_request(now=now), goes_at=None):
        send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
