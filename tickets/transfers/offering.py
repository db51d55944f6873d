"""Offer a ticket to another person, and withdraw the offer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from events.handing_on import may_be_transferred
from orders.models import Order, OrderStatus
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict, Forbidden, NotFound
from ticketing.mail_limit import book_mail_now
from ticketing.models import ActType
from tickets.mail_request import request_transfer_mail
from tickets.models import Ticket, TicketStatus, Transfer, TransferMailKind
from tickets.replacement import TicketNotValid

# Long enough for a weekend and a busy day. An offer also ends with its event.
LASTS: Final = timedelta(days=7)
# Each offer mails an address that the buyer chose. More of one ticket would be a way to send spam.
MOST_OFFERS: Final = 5
# So often one place of an order may change hands, and be offered within a day. Longer chains are
# those of resellers.
MOST_HOLDERS: Final = 4
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewHolder:
    """The person to whom a ticket is offered. `email` is tidy."""

    name: str
    email: str
    language: str


@dataclass(frozen=True, slots=True)
class Giver:
    """The person who offers a ticket: its buyer, or a person who accepted it before."""

    name: str
    email: str
    language: str


class TransfersNotAllowed(Forbidden):
    """The organizer lets nobody hand on tickets of this event, or the event is over."""

    code = "transfers_not_allowed"
    title = "Tickets of this event cannot be transferred"


class TransferOpen(Conflict):
    """The ticket is offered to a person who has not accepted it yet."""

    code = "transfer_open"
    title = "This ticket is offered to somebody already"


class TooManyTransfers(Conflict):
    """The ticket was offered or handed on too often."""

    code = "too_many_transfers"
    title = "This ticket was offered too often"


class TransferNotOpen(NotFound):
    """The link is wrong, or the offer was withdrawn or accepted, or has expired."""

    code = "transfer_not_open"
    title = "This offer is not open"


@transaction.atomic(durable=True)
def offer_ticket(  # noqa: PLR0913 - it takes all these
    *,
    order_id: UUID,
    ticket_id: UUID,
    to: NewHolder,
    actor: Actor,
    now: datetime,
    giver: UUID | None = None,
    store_response: Callable[[Transfer], None] = lambda _offer: None,
) -> Transfer:
    """
    Offer a valid ticket to a person, who gets a mail with a link. The ticket stays as it is.

    `store_response` stores the response in the same transaction.

    :param giver: the id of the transfer by which the giver has the ticket; None for the buyer

    :raises TransfersNotAllowed: if the organizer does not allow it, or the event is over
    :raises TicketNotValid: if the ticket was used, revoked, refunded, or is another person's now
    :raises TransferOpen: if the ticket is offered already
    :raises TooManyTransfers: if the ticket was offered or handed on too often
    :raises TooManyMails: if the address has got the most mails that one address gets in an hour
    """
    # The lock makes two offers of one ticket wait for each other, and for a refund.
    order = Order.objects.select_for_update(of=("self",)).select_related("event").get(pk=order_id)
    if not may_be_transferred(order.event, now=now):
        raise TransfersNotAllowed("The organizer does not allow it, or the event is over.")
    ticket = Ticket.objects.of_order(order_id).filter(pk=ticket_id).first()
    if (
        ticket is None
        or ticket.status != TicketStatus.VALID
        or ticket.transfer_id != giver
        or order.status != OrderStatus.PAID
    ):
        raise TicketNotValid("Only a valid ticket can be transferred.")
    _end_old_offer(ticket, now)
    book_mail_now(address=to.email, now=now)
    offer = Transfer.objects.create(
        ticket=ticket,
        name=to.name,
        email=to.email,
        language=to.language,
        created_at=now,
        expires_at=min(now + LASTS, order.event.ends_at),
    )
    # The mail was booked above.
    request_transfer_mail(offer.pk, TransferMailKind.OFFER, now=now, goes_at=now)
    _record(ActType.TICKET_OFFERED, offer, order, actor, now)
    store_response(offer)
    return offer


@transaction.atomic(durable=True)
def withdraw_transfer(
    *,
    order_id: UUID,
    ticket_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[], None] = lambda: None,
) -> None:
    """
    Withdraw the open offer of a ticket: its link stops working. A repeat changes nothing.

    `store_response` stores the response in the same transaction.

    :raises TransferNotOpen: if the offer was accepted
    """
    offers = Transfer.objects.filter(ticket=ticket_id, ticket__order=order_id)
    # An acceptance at the same moment updates the same row: only one of the two matches.
    withdrawn = Transfer.objects.filter(
        pk__in=offers.values("pk"), accepted_at=None, withdrawn_at=None
    ).update(withdrawn_at=now)
    if withdrawn:
        order = Order.objects.select_related("event").get(pk=order_id)
        offer = offers.get(withdrawn_at=now)
        # The link would open nothing.
        offer.mails.filter(sent_at=None).update(sent_at=now)
        _record(ActType.TICKET_OFFER_WITHDRAWN, offer, order, actor, now)
    elif offers.filter(accepted_at__isnull=False).exists():
        raise TransferNotOpen("The ticket was accepted: it cannot be taken back.")
    store_response()


def is_open(offer: Transfer, *, now: datetime) -> bool:
    """Say whether an offer can be accepted, if its event allows transfers now."""
    return (
        offer.accepted_at is None
        and offer.withdrawn_at is None
        and now < offer.expires_at
        and offer.ticket.status == TicketStatus.VALID
    )


def open_offers(order: Order, *, now: datetime) -> dict[UUID, Transfer]:
    """Return the open offer of each ticket of an order that has one, by the ticket's id."""
    offers = Transfer.objects.filter(
        ticket__order=order, accepted_at=None, withdrawn_at=None, expires_at__gt=now
    )
    return {offer.ticket_id: offer for offer in offers}


def count_ended_offers(order_id: UUID, *, at: datetime) -> int:
    """Return how many open offers of an order's tickets ended at that moment."""
    # The database lets no accepted offer be withdrawn.
    offers = Transfer.objects.filter(ticket__order=order_id)
    return offers.filter(withdrawn_at=at, expires_at__gt=at).count()


def giver_of(offer: Transfer) -> Giver:
    """Return the person who has made an offer."""
    earlier, order = offer.ticket.transfer, offer.ticket.order
    if earlier is not None:
        return Giver(earlier.name, earlier.email, earlier.language)
    return Giver(order.customer_name, order.customer_email, order.language)


def _end_old_offer(ticket: Ticket, now: datetime) -> None:
    offers = Transfer.objects.filter(ticket=ticket)
    # An accepted one is of a ticket that was replaced.
    if offers.filter(withdrawn_at=None, expires_at__gt=now).exists():
        raise TransferOpen("Withdraw the open offer first.")
    # Each acceptance makes another ticket of the same place.
    of_place = Transfer.objects.filter(
        ticket__order=ticket.order_id,
        ticket__order_item=ticket.order_item_id,
        ticket__position=ticket.position,
    )
    if (
        offers.count() >= MOST_OFFERS
        or of_place.filter(created_at__gt=now - _DAY).count() >= MOST_OFFERS
    ):
        raise TooManyTransfers(f"A ticket can be offered {MOST_OFFERS} times.")
    if of_place.filter(accepted_at__isnull=False).count() >= MOST_HOLDERS:
        raise TooManyTransfers(f"A ticket can be handed on {MOST_HOLDERS} times.")
    offers.filter(withdrawn_at=None).update(withdrawn_at=now)


def _record(act: ActType, offer: Transfer, order: Order, actor: Actor, now: datetime) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=offer.ticket_id,
        organizer_id=order.event.organizer_id,
        at=now,
        details={"transfer": str(offer.pk)},
    )
