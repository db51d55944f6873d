"""Revoke a ticket, or replace it by one with a new code."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from events.models import TicketType
from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.ids import new_id
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit
from tickets.codes import (
    GRACE_AFTER_THE_END,
    CodeSubject,
    code_prefix,
    sign_code,
    signing_key_id,
)
from tickets.mail_request import new_mail_request, request_transfer_mail
from tickets.models import (
    Delivery,
    Ticket,
    TicketStatus,
    Transfer,
    TransferMailKind,
)
from tickets.object_names import new_object_name
from tickets.ticket_codes import number_tickets

_BATCH = 500


class TicketNotValid(Conflict):
    """The ticket was used, revoked, refunded or replaced."""

    code = "ticket_not_valid"
    title = "This ticket is not valid any more"

    def __init__(self, detail: str, *, replaced_by: UUID | None = None) -> None:
        super().__init__(detail)
        if replaced_by is not None:
            self.details = {"replaced_by": str(replaced_by)}


class KeyStillSigns(Exception):
    """The leaked key would sign the new tickets too: list another key before it first."""


@transaction.atomic(durable=True)
def revoke_ticket(
    *,
    ticket_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Revoke a ticket: gates refuse it from now on. Its place stays sold. A repeat changes nothing.

    `store_response` stores the response in the same transaction.

    :raises TicketNotValid: if the ticket was used
    """
    revoked = Ticket.objects.filter(pk=ticket_id, status=TicketStatus.VALID).update(
        status=TicketStatus.REVOKED, revoked_at=now
    )
    if revoked:
        tickets = Ticket.objects.filter(pk=ticket_id)
        record_act(
            act=ActType.TICKET_REVOKED,
            actor=actor,
            subject_id=ticket_id,
            organizer_id=tickets.values_list("event__organizer_id", flat=True).get(),
            at=now,
        )
    elif Ticket.objects.filter(pk=ticket_id, status=TicketStatus.USED).exists():
        raise TicketNotValid("The ticket was used: it cannot be revoked.")
    store_response()


@transaction.atomic(durable=True)
def replace_ticket(  # noqa: PLR0913 - a replacement takes all these
    *,
    ticket_id: UUID,
    holder_name: str | None = None,
    actor: Actor,
    now: datetime,
    check: Callable[[], None] = lambda: None,
    store_response: Callable[[Ticket], None] = lambda _new: None,
) -> Ticket:
    """
    Replace a ticket by one with a new code, for the same holder or another.

    Gates refuse the old code at once. The buyer gets the order's tickets by mail again. An open
    offer of the old ticket ends. `check` runs before anything is written, and may raise to refuse
    the replacement. `store_response` stores the response in the same transaction.

    :raises TicketNotValid: if the old ticket was used, revoked or replaced
    """
    tickets = Ticket.objects.select_related("event", "ticket_type", "order")
    old = tickets.get(pk=ticket_id)
    # The lock prevents a refund of the order at the same time, which would miss the new ticket.
    order = Order.objects.select_for_update(of=("self",)).get(pk=old.order_id)
    check()
    is_paid = order.status == OrderStatus.PAID
    new = write_replacement(old, order, now=now, holder_name=holder_name) if is_paid else None
    if new is None:
        raise refuse_replacement(old)
    act = ActType.TICKET_REISSUED if holder_name is None else ActType.TICKET_RENAMED
    _record_replacement(old, new, act=act, actor=actor, now=now)
    ask_for_codes(order.pk, now)
    store_response(new)
    return new


def refuse_replacement(old: Ticket) -> TicketNotValid:
    """Return why a ticket cannot be replaced, as it is now."""
    old.refresh_from_db(fields=["status", "replaced_by"])
    if not old.replaced_by_id:
        return TicketNotValid(f"The ticket is {old.status}.")
    return TicketNotValid(
        f"The ticket was replaced by {old.replaced_by_id}. Use that one.",
        replaced_by=old.replaced_by_id,
    )


def hand_over_tickets(  # noqa: PLR0913 - it takes all these
    *,
    order: Order,
    ticket_ids: Collection[UUID],
    old_name: str,
    new_name: str,
    actor: Actor,
    now: datetime,
) -> int:
    """
    Replace valid tickets of a paid order whose customer was corrected. Return how many.

    Those in the old name get the new one. It runs in the caller's transaction, which has locked the
    order's row. The buyer gets one mail with all tickets.
    """
    tickets = Ticket.objects.of_order(order.pk).select_related("event", "ticket_type")
    replaced = 0
    for old in tickets.filter(pk__in=ticket_ids):
        renamed = old.holder_name == old_name and new_name != old_name
        new = write_replacement(old, order, now=now, holder_name=new_name if renamed else None)
        if new is None:
            continue
        act = ActType.TICKET_RENAMED if renamed else ActType.TICKET_REISSUED
        _record_replacement(old, new, act=act, actor=actor, now=now)
        replaced += 1
    if replaced:
        ask_for_codes(order.pk, now)
    return replaced


def orders_signed_by(*, key_id: int, event_id: UUID | None = None, now: datetime) -> Iterator[UUID]:
    """
    Yield the id of each paid order with a valid ticket that a key signed, of events that admit.

    :raises KeyStillSigns: if the same key would sign the new tickets
    """
    _refuse_current(key_id)
    tickets = Ticket.objects.filter(
        status=TicketStatus.VALID,
        code__startswith=code_prefix(key_id),
        order__status=OrderStatus.PAID,
        event__ends_at__gt=now - GRACE_AFTER_THE_END,
    )
    if event_id is not None:
        tickets = tickets.filter(event_id=event_id)
    found = tickets.order_by("order_id").values_list("order_id", flat=True).distinct()
    batch = list(found[:_BATCH])
    while batch:
        yield from batch
        batch = list(found.filter(order_id__gt=batch[-1])[:_BATCH])


@transaction.atomic(durable=True)
def replace_tickets_signed_by(*, key_id: int, order_id: UUID, actor: Actor, now: datetime) -> int:
    """
    Replace the valid tickets of one order that a key signed. Return how many were replaced.

    The buyer gets one mail with all tickets of the order. A repeat changes nothing.

    :raises KeyStillSigns: if the same key would sign the new tickets
    """
    _refuse_current(key_id)
    order = Order.objects.select_for_update(of=("self",)).get(pk=order_id)
    if order.status != OrderStatus.PAID:
        return 0
    tickets = Ticket.objects.of_order(order_id).select_related("event", "ticket_type")
    signed = tickets.filter(status=TicketStatus.VALID, code__startswith=code_prefix(key_id))
    replaced = 0
    for old in signed:
        new = write_replacement(old, order, now=now)
        if new is None:
            continue
        _record_replacement(old, new, act=ActType.TICKET_REISSUED, actor=actor, now=now)
        replaced += 1
    if replaced:
        ask_for_codes(order_id, now)
    return replaced


def _refuse_current(key_id: int) -> None:
    if key_id == signing_key_id():
        raise KeyStillSigns(f"Key {key_id} signs new tickets. List a new key before it.")


def write_replacement(  # noqa: PLR0913 - what a replacement may change
    old: Ticket,
    order: Order,
    *,
    now: datetime,
    holder_name: str | None = None,
    ticket_type: TicketType | None = None,
    price: Decimal | None = None,
    transfer: Transfer | None = None,
) -> Ticket | None:
    """
    Revoke a ticket and write its replacement. Return None if it was not valid any more.

    It runs in the caller's transaction, which has locked the order's row. What is None stays. With
    a `transfer` the ticket is the new holder's. A holder who keeps it gets the new code by mail. An
    open offer of the ticket ends, because nobody has offered the new one.
    """
    kind = ticket_type or old.ticket_type
    identity = new_id()
    number = number_tickets(list(Ticket.objects.of_order(order.pk))).get(old.pk)
    # A check-in at the same moment updates the same row: PostgreSQL lets only one of the two match.
    ended = Ticket.objects.filter(pk=old.pk, status=TicketStatus.VALID).update(
        status=TicketStatus.REVOKED, revoked_at=now, replaced_by=identity
    )
    if not ended:
        return None
    open_offers = Transfer.objects.filter(ticket=old, accepted_at=None, withdrawn_at=None)
    open_offers.update(withdrawn_at=now)
    subject = CodeSubject(
        event_id=old.event_id,
        event_number=old.event.number,
        type_number=kind.number,
        valid_from=order.created_at,
        event_ends_at=old.event.ends_at,
    )
    if old.transfer_id is not None and transfer is None:
        request_transfer_mail(old.transfer_id, TransferMailKind.TICKET, now=now)
    return Ticket.objects.create(
        pk=identity,
        order=order,
        order_item_id=old.order_item_id,
        event=old.event,
        ticket_type=kind,
        position=old.position,
        number=number,
        code=sign_code(subject, identity),
        object_name=new_object_name(event_id=old.event_id, ticket_id=identity),
        holder_name=old.holder_name if holder_name is None else holder_name,
        exchanged_price=old.exchanged_price if price is None else price,
        transfer=transfer or old.transfer,
        created_at=now,
    )


def ask_for_codes(order_id: UUID, now: datetime) -> None:
    """Ask for the QR codes of an order's new tickets, and for the mail that carries them."""
    deliveries = Delivery.objects.filter(order_id=order_id)
    deliveries.update(codes_stored_at=None, **new_mail_request(now=now))
    send_after_commit(Message.ISSUE_CODES, order_id=order_id)


def _record_replacement(
    old: Ticket, new: Ticket, *, act: ActType, actor: Actor, now: datetime
) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=old.pk,
        organizer_id=old.event.organizer_id,
        at=now,
        details={"replaced_by": str(new.pk)},
    )
