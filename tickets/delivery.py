"""Deliver tickets: mail an order's tickets to its buyer."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction

from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act, system_actor
from ticketing.errors import Conflict
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit
from tickets.mail import compose_ticket_mail, is_the_buyers, tickets_to_mail
from tickets.mail_request import new_mail_request
from tickets.models import Delivery
from tickets.outgoing import close_mail, lease_mail, send_leased_mail


class NothingToDeliver(Conflict):
    """Only a paid order has tickets to send."""

    code = "nothing_to_deliver"
    title = "This order has no tickets to send"


def deliver_tickets(*, order_id: UUID, now: datetime) -> None:
    """
    Mail one order's tickets, and note that they were sent.

    A mail over the recipient's limit is put off. Staff see in the admin a mail that was given up.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    deliveries = Delivery.objects.filter(order_id=order_id, codes_stored_at__isnull=False)
    delivery = lease_mail(
        deliveries.select_related("order__event__organizer"),
        address=lambda row: row.order.customer_email,
        now=now,
    )
    if delivery is None:
        return
    if delivery.order.status != OrderStatus.PAID:
        # The order was refunded meanwhile: there are no tickets to mail.
        close_mail(delivery, now=now)
        return
    tickets = list(tickets_to_mail(order_id))
    if any(ticket.transfer_id for ticket in tickets) and not any(map(is_the_buyers, tickets)):
        # The buyer has no ticket left: the new holders get mails of their own.
        close_mail(delivery, now=now)
        return
    send_leased_mail(
        delivery,
        lambda: compose_ticket_mail(order=delivery.order, tickets=tickets, now=now),
        now=now,
        record=partial(_record, delivery.order, now),
    )


def _record(order: Order, now: datetime, was_sent: bool, /) -> None:  # noqa: FBT001 - see `Record`
    record_act(
        act=ActType.ORDER_MAILED if was_sent else ActType.ORDER_MAIL_GIVEN_UP,
        actor=system_actor("", about=order.pk),
        subject_id=order.pk,
        organizer_id=order.event.organizer_id,
        at=now,
    )


@transaction.atomic(durable=True)
def resend_tickets(
    *,
    order_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Send one order's tickets again. `store_response` stores the response in the same transaction.

    :raises NothingToDeliver: if the order is not paid
    """
    requested = Delivery.objects.filter(order_id=order_id, order__status=OrderStatus.PAID).update(
        **new_mail_request(now=now)
    )
    if not requested:
        raise NothingToDeliver("Only a paid order's tickets can be sent.")
    record_act(
        act=ActType.ORDER_RESENT,
        actor=actor,
        subject_id=order_id,
        organizer_id=Order.objects.values_list("event__organizer_id", flat=True).get(pk=order_id),
        at=now,
    )
    send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)
    store_response()
