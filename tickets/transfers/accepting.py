"""Accept a ticket that was offered: its code ends, and its new holder gets another one."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.handing_on import may_be_transferred
from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.models import ActorKind, ActType
from tickets.mail_request import request_transfer_mail
from tickets.models import Ticket, Transfer, TransferMailKind
from tickets.replacement import TicketNotValid, write_replacement
from tickets.transfers.offering import TransferNotOpen, TransfersNotAllowed


@transaction.atomic(durable=True)
def accept_transfer(
    *,
    transfer_id: UUID,
    holder_name: str,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Accept an offered ticket under a name. Gates refuse the old code at once.

    The new code goes to the new holder alone, and the giver is told. A repeat changes nothing.
    `store_response` stores the response in the same transaction.

    :raises TransferNotOpen: if the offer was withdrawn or has expired
    :raises TransfersNotAllowed: if the organizer does not allow it any more, or the event is over
    :raises TicketNotValid: if the ticket was used, revoked or refunded meanwhile
    """
    tickets = Ticket.objects.select_related("event__organizer", "ticket_type")
    old = tickets.get(offers=transfer_id)
    # The lock prevents a refund of the order at the same time, which would miss the new ticket.
    order = Order.objects.select_for_update(of=("self",)).get(pk=old.order_id)
    # A withdrawal at the same moment updates the same row: only one of the two matches.
    accepted = Transfer.objects.filter(
        pk=transfer_id, accepted_at=None, withdrawn_at=None, expires_at__gt=now
    ).update(accepted_at=now, name=holder_name)
    transfer = Transfer.objects.get(pk=transfer_id)
    if accepted:
        _hand_over(transfer, old, order, now)
    elif transfer.accepted_at is None:
        raise TransferNotOpen("The offer was withdrawn or has expired.")
    store_response()


def note_opening_of_transfer(*, transfer: Transfer, now: datetime) -> None:
    """Record the first time that the new holder opens the mailed link. A repeat changes nothing."""
    if transfer.opened_at is None:
        Transfer.objects.filter(pk=transfer.pk, opened_at=None).update(opened_at=now)


def ticket_of_transfer(transfer: Transfer) -> Ticket | None:
    """Return the ticket that an accepted transfer's holder has now, or None before that."""
    tickets = Ticket.objects.select_related(
        "order__event__organizer", "ticket_type", "order_item", "event"
    )
    return tickets.filter(transfer=transfer, replaced_by=None).first()


def ticket_at_place_of(transfer: Transfer) -> Ticket | None:
    """Return the present ticket of the place that was offered, whoever has it now."""
    tickets = Ticket.objects.select_related(
        "order__event__organizer", "ticket_type", "order_item", "event"
    )
    offered = transfer.ticket
    return tickets.filter(
        order_item=offered.order_item_id, position=offered.position, replaced_by=None
    ).first()


def _hand_over(transfer: Transfer, old: Ticket, order: Order, now: datetime) -> None:
    if not may_be_transferred(old.event, now=now):
        raise TransfersNotAllowed("The organizer does not allow it, or the event is over.")
    new = write_replacement(old, order, now=now, holder_name=transfer.name, transfer=transfer)
    if new is None or order.status != OrderStatus.PAID:
        raise TicketNotValid("The ticket was used, refunded or blocked meanwhile.")
    request_transfer_mail(transfer.pk, TransferMailKind.TICKET, now=now)
    request_transfer_mail(transfer.pk, TransferMailKind.HANDED_ON, now=now)
    record_act(
        act=ActType.TICKET_TRANSFERRED,
        # None of them has an account: the order stands for the buyer and all later holders.
        actor=Actor(ActorKind.BUYER, str(order.pk)),
        subject_id=old.pk,
        organizer_id=old.event.organizer_id,
        at=now,
        details={"replaced_by": str(new.pk), "transfer": str(transfer.pk)},
    )
