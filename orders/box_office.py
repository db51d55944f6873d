"""Sell or give tickets at the box office: staff take cash, or give complimentary tickets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import IntegrityError

from events.event_cache import read_event
from events.models import LARGEST_PER_ORDER, Organizer, TermsVersion, TicketType
from events.stock.holds import InventoryUnavailable, retime_hold
from events.stock.record import PROCESSING_HOLD_MILLISECONDS
from orders.box_office_record import BoxOfficeMethod, BoxOfficeSale
from orders.consent_record import ConsentWay
from orders.consents import Agreed, find_version, record_consent
from orders.holding import TRIES, Attempts, Buyer, EventHasChanged, OrderNotWanted, hold_and_write
from orders.insertion import Customer, Reservation
from orders.limits import Limits
from orders.payment import accept_box_office_payment
from orders.pricing import (
    EventNotFound,
    MaxPerOrderExceeded,
    ReservedTickets,
    UnknownTicketType,
    WantedTickets,
    check_on_sale,
)
from ticketing.actors import Actor, record_act
from ticketing.errors import Invalid
from ticketing.ids import new_id
from ticketing.models import ActType

MOST_TICKETS: Final = LARGEST_PER_ORDER
_NO_LIMITS: Final = Limits(per_customer=0, per_address=0, held_per_address=0)


class ReasonNeeded(Invalid):
    """Complimentary tickets need a reason."""

    code = "reason_needed"
    title = "Say why the tickets are free"
    pointer = "#/reason"


class TicketsNeeded(Invalid):
    """The sale has no tickets."""

    code = "tickets_needed"
    title = "Say how many tickets"
    pointer = "#/items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """
    What staff sell to one customer.

    A repeat with the same `key` sells nothing more. Without an email address no mail is sent:
    staff print the tickets. `accepted_terms` is the number of the version that the customer has
    accepted, if one was shown: a sale at the box office needs none.
    """

    key: UUID
    event_id: UUID
    wanted: Sequence[WantedTickets]
    customer: Customer
    method: BoxOfficeMethod
    reason: str = ""
    accepted_terms: int | None = None


def sell_at_box_office(
    *,
    sale: Sale,
    user_id: int | None,
    actor: Actor,
    now: datetime,
    check: Callable[[UUID], None] = lambda _order_id: None,
) -> UUID:
    """
    Sell or give tickets, and return the order's id. The worker then settles it like any order.

    The tickets are held in Redis, and one transaction writes the order and its payment. Limits of
    the customer and sales periods do not apply to staff; the stock does. A repeat returns the
    first order. `check` runs in the transaction with the order's id, and may raise
    `OrderNotWanted` to undo it.

    :raises OtherTerms: if the accepted version of the terms is not in force
    :raises ReasonNeeded: if complimentary tickets have no reason
    :raises TicketsNeeded, MaxPerOrderExceeded: if the number of tickets is not 1 to 100
    :raises EventNotFound: if the event is a draft, or does not exist
    :raises EventNotOnSale: if the event was cancelled, or is over
    :raises UnknownTicketType: if the event has no such type
    :raises SoldOut: if too few tickets of a type are left
    :raises OrderNotWanted: if `check` raised it; nothing is sold
    :raises InventoryUnavailable: if Redis is not available; nothing is sold
    """
    if sale.method == BoxOfficeMethod.COMPLIMENTARY and not sale.reason.strip():
        raise ReasonNeeded("Complimentary tickets need a reason.")
    if (before := _find_sale(sale)) is not None:
        return before
    version = _find_version(sale, now)

    def accept(reservation: Reservation) -> None:
        _record(sale, reservation, user_id=user_id, actor=actor, now=now)
        agreed = Agreed(ConsentWay.BOX_OFFICE, terms=sale.accepted_terms)
        record_consent(reservation.order_id, agreed, version, now=now)
        check(reservation.order_id)
        accept_box_office_payment(reservation=reservation, method=sale.method.value, now=now)

    try:
        written = _reserve(sale, accept, now)
    except OrderNotWanted:
        # The same form or line was sent twice at once, and the other one was first.
        if (before := _find_sale(sale)) is not None:
            return before
        raise
    retime_hold(
        event_id=sale.event_id,
        order_id=written.order_id,
        milliseconds=PROCESSING_HOLD_MILLISECONDS,
    )
    return written.order_id


def _find_sale(sale: Sale) -> UUID | None:
    sales = BoxOfficeSale.objects.filter(key=sale.key, order__event_id=sale.event_id)
    return sales.order_by("pk").values_list("order_id", flat=True).first()


def _find_version(sale: Sale, now: datetime) -> TermsVersion | None:
    if sale.accepted_terms is None:
        return None
    organizer = Organizer.objects.filter(events=sale.event_id).first()
    if organizer is None:
        raise EventNotFound("There is no such event.")
    return find_version(organizer, sale.accepted_terms, since=now)


def _reserve(sale: Sale, accept: Callable[[Reservation], None], now: datetime) -> Reservation:
    buyer = Buyer(sale.customer, shop=None, token=None, store_response=accept)
    for _ in range(TRIES):
        # Not from the cache: staff sell rarely, and right after they have changed the event.
        current = read_event(sale.event_id)
        if current is None:
            raise EventNotFound("There is no such event.")
        event, types = current.event, current.types
        check_on_sale(event, now)
        attempts = Attempts(event, types, _price(sale, types), new_id(), event.epoch)
        try:
            return hold_and_write(attempts, buyer, _NO_LIMITS, now)
        except EventHasChanged:
            continue
    raise InventoryUnavailable("The event is being changed right now. Try again.")


def _price(sale: Sale, types: Mapping[UUID, TicketType]) -> list[ReservedTickets]:
    wanted = [tickets for tickets in sale.wanted if tickets.quantity > 0]
    total = sum(tickets.quantity for tickets in wanted)
    if not total:
        raise TicketsNeeded("Choose at least one ticket.")
    if total > MOST_TICKETS:
        raise MaxPerOrderExceeded(
            f"One sale has {MOST_TICKETS} tickets at most; {total} were asked for."
        )
    if any(tickets.ticket_type_id not in types for tickets in wanted):
        raise UnknownTicketType("The event does not have one of these ticket types any more.")
    free = sale.method == BoxOfficeMethod.COMPLIMENTARY
    chosen = [(types[each.ticket_type_id], each.quantity) for each in wanted]
    return [
        ReservedTickets(kind, quantity, kind.price if free else Decimal(0))
        for kind, quantity in sorted(chosen, key=lambda pair: pair[0].pk)
    ]


def _record(
    sale: Sale, reservation: Reservation, *, user_id: int | None, actor: Actor, now: datetime
) -> None:
    try:
        BoxOfficeSale.objects.create(
            order_id=reservation.order_id, key=sale.key, reason=sale.reason.strip(), user_id=user_id
        )
    except IntegrityError as error:
        raise OrderNotWanted("These tickets were sold before.") from error
    record_act(
        act=ActType.ORDER_SOLD,
        actor=actor,
        subject_id=reservation.order_id,
        organizer_id=reservation.event.organizer_id,
        at=now,
        details={
            "method": sale.method.value,
            "tickets": sum(item.quantity for item in reservation.items),
            "amount": str(reservation.total),
            "currency": reservation.event.currency,
        },
    )
