"""Correct an order's customer, and mail the tickets with new codes."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from orders.correction import Contact, correct_contact
from orders.models import Order, OrderStatus
from ticketing.actors import Actor
from ticketing.queue.messages import Message, send_after_commit
from tickets.mail_request import new_mail_request
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.notices.requests import request_unsent_notices_anew
from tickets.replacement import hand_over_tickets


@transaction.atomic(durable=True)
def correct_customer(
    *, order_id: UUID, was: Contact, becomes: Contact, actor: Actor, now: datetime
) -> None:
    """
    Correct the name or the email address of an order's customer. A repeat changes nothing.

    If the address of a paid order changes, all its valid tickets get new codes, because the old
    address may have received the old ones, and the new address gets the mail. If only the name
    changes, the valid tickets in the old name get the new name and new codes.

    Notices that were not sent yet, or were given up, are mailed to a new address too: a refunded
    order may still wait for one.

    A mail that a worker is sending to the old address at this moment does not complete the
    delivery: the new address gets one too.

    :raises AddressNotMailable: if no mail can reach the new address
    :raises AddressNotCorrected: if the order's customer is not `was`, or the order gets no mail
    :raises TooManyMails: if the new address has reached its limit of mails
    """
    new = correct_contact(order_id=order_id, was=was, becomes=becomes, actor=actor, now=now)
    if new.email != was.email:
        request_unsent_notices_anew(order_id=order_id, now=now)
    # `correct_contact` has locked the row, so the status cannot change until the commit.
    order = Order.objects.get(pk=order_id)
    if order.status != OrderStatus.PAID:
        return
    replaced = hand_over_tickets(
        order=order,
        ticket_ids=tickets_with_new_codes(order_id, was=was, becomes=new),
        old_name=was.name,
        new_name=new.name,
        actor=actor,
        now=now,
    )
    if new.email == was.email:
        return
    deliveries = Delivery.objects.filter(order_id=order_id)
    # `goes_at` comes from the mail limit of the old address. The new address has its own limit.
    if deliveries.update(**new_mail_request(now=now), goes_at=None) and not replaced:
        send_after_commit(Message.DELIVER_TICKETS, order_id=order_id)


def tickets_with_new_codes(order_id: UUID, *, was: Contact, becomes: Contact) -> list[UUID]:
    """Return the ids of a paid order's tickets that a correction of its customer replaces."""
    # The codes of tickets that were handed on never went to the old address.
    mine = Ticket.objects.of_order(order_id).filter(transfer=None)
    valid = mine.filter(status=TicketStatus.VALID)
    if becomes.email == was.email:
        if becomes.name == was.name:
            return []
        valid = valid.filter(holder_name=was.name)
    return list(valid.values_list("pk", flat=True))
