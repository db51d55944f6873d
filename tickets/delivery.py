"""Delivering: the tickets reach the buyer."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Case, Q, Value, When

from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.messages import Message, next_ask, send_after_commit
from ticketing.models import ActType
from tickets.mail import compose_ticket_mail
from tickets.models import Delivery, Ticket

# Longer than any task may run.
_LEASE = timedelta(seconds=90)


class NothingToDeliver(Conflict):
    """Only a paid order has tickets to send."""

    code = "nothing_to_deliver"
    title = "This order has no tickets to send"


def deliver_tickets(*, order_id: UUID, now: datetime) -> None:
    """
    Mail one order's tickets, and note that they went.

    No transaction is open while SES is asked; a lease keeps a repeated message from sending too.
    If we die after the mail and before the note, the buyer gets it twice, which is the better half.
    """
    delivery = _lease(order_id, now)
    if delivery is None:
        return
    deliveries = Delivery.objects.filter(pk=delivery.pk)
    if delivery.order.status != OrderStatus.PAID:
        # Refunded meanwhile: there is nothing to carry any more.
        deliveries.update(sent_at=now, leased_until=None)
        return
    tickets = list(Ticket.objects.of_order(order_id).select_related("ticket_type"))
    try:
        mail = compose_ticket_mail(order=delivery.order, tickets=tickets)
        mail.connection = _open_mail()
        mail.send()
    except Exception:
        # The message comes back; nobody else shall wait for our lease.
        deliveries.update(leased_until=None)
        raise
    # Asked for again since, the letter may lack a ticket: the next one has it.
    same = When(asked_at=delivery.asked_at, then=Value(now))
    deliveries.update(leased_until=None, sent_at=Case(same, default=None))


@transaction.atomic(durable=True)
def resend_tickets(
    *, order_id: UUID, actor: Actor, now: datetime, keep: Callable[[], None] = lambda: None
) -> None:
    """
    Send one order's tickets once more. `keep` writes down what whoever asked is told.

    :raises NothingToDeliver: if the order is not paid
    """
    asked = Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID).update(
        sent_at=None, asked_at=now, asks=0, ask_again_at=next_ask(0, now=now)
    )
    if not asked:
        raise NothingToDeliver("Only a paid order's tickets can be sent.")
    record_act(
        act=ActType.ORDER_RESENT,
        actor=actor,
        subject_id=order_id,
        organizer_id=Order.objects.values_list("event__organizer_id", flat=True).get(pk=order_id),
        at=now,
    )
    send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
    keep()


@cache
def _open_mail() -> BaseEmailBackend:
    # To make a client of SES costs more than to send by it.
    connection = get_connection()
    connection.open()
    return connection


def _lease(order_id: UUID, now: datetime) -> Delivery | None:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    waiting = Delivery.objects.filter(
        free, order_id=order_id, sent_at=None, codes_stored_at__isnull=False
    )
    if not waiting.update(leased_until=now + _LEASE):
        return None
    return Delivery.objects.select_related("order__event__organizer").get(order_id=order_id)
