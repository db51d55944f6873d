"""Ending a ticket, and putting another in its place."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from orders.models import Order, OrderStatus
from ticketing.errors import Conflict
from ticketing.ids import new_id
from ticketing.messages import Message, next_ask, send_after_commit
from tickets.codes import CodeSubject, sign_code
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.object_names import new_object_name


class TicketNotValid(Conflict):
    """It was used, revoked, refunded or replaced."""

    code = "ticket_not_valid"
    title = "This ticket is not valid any more"

    def __init__(self, detail: str, *, replaced_by: UUID | None = None) -> None:
        super().__init__(detail)
        if replaced_by is not None:
            self.details = {"replaced_by": str(replaced_by)}


@transaction.atomic(durable=True)
def revoke_ticket(*, ticket_id: UUID, now: datetime) -> None:
    """
    Let a ticket open no gate from now on. Its place stays sold. Twice is once.

    :raises TicketNotValid: if it has been used
    """
    revoked = Ticket.objects.filter(pk=ticket_id, status=TicketStatus.VALID).update(
        status=TicketStatus.REVOKED, revoked_at=now
    )
    if not revoked and Ticket.objects.filter(pk=ticket_id, status=TicketStatus.USED).exists():
        raise TicketNotValid("It has let somebody in.")


@transaction.atomic(durable=True)
def replace_ticket(
    *,
    ticket_id: UUID,
    holder_name: str | None = None,
    now: datetime,
    keep: Callable[[Ticket], None] = lambda _new: None,
) -> Ticket:
    """
    Put a ticket with a new code in the place of one, for the same holder or another.

    The old code dies at once. The buyer gets the order's tickets by mail again. `keep` writes down
    in the same transaction what whoever asked is told.

    :raises TicketNotValid: if the old one was used, revoked or replaced
    """
    tickets = Ticket.objects.select_related("event", "ticket_type", "order")
    old = tickets.get(pk=ticket_id)
    # A refund of the order waits for us, or we for it.
    order = Order.objects.select_for_update(of=("self",)).get(pk=old.order_id)
    identity = new_id()
    # A gate that admits it at this moment has it locked, and one of us is too late.
    ended = Ticket.objects.filter(pk=old.pk, status=TicketStatus.VALID).update(
        status=TicketStatus.REVOKED, revoked_at=now, replaced_by=identity
    )
    if not ended or order.status != OrderStatus.PAID:
        old.refresh_from_db(fields=["status", "replaced_by"])
        if ended or not old.replaced_by_id:
            raise TicketNotValid(f"It is {old.status}.")
        raise TicketNotValid(
            f"It was replaced by {old.replaced_by_id}.", replaced_by=old.replaced_by_id
        )
    subject = CodeSubject(
        event_id=old.event_id,
        event_number=old.event.number,
        type_number=old.ticket_type.number,
        valid_from=order.created_at,
        event_ends_at=old.event.ends_at,
    )
    new = Ticket.objects.create(
        pk=identity,
        order=order,
        order_item_id=old.order_item_id,
        event=old.event,
        ticket_type=old.ticket_type,
        position=old.position,
        code=sign_code(subject, identity),
        object_name=new_object_name(event_id=old.event_id, ticket_id=identity),
        holder_name=old.holder_name if holder_name is None else holder_name,
        created_at=now,
    )
    Delivery.objects.filter(order_id=order.pk).update(
        codes_stored_at=None, sent_at=None, asked_at=now, asks=0, ask_again_at=next_ask(0, now=now)
    )
    send_after_commit(Message.ISSUE_CODES, order_id=order.pk)
    keep(new)
    return new
