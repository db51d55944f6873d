"""Reserving: the first step of the line."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.event_cache import ShelvedEvent, read_event, take_event
from events.models import Event, EventStatus, TicketType
from events.stock.holds import (
    InventoryUnavailable,
    StockIsCold,
    StockRunsOut,
    hold_tickets,
    release_holds,
)
from events.stock.rebuild import rebuild_stock
from events.stock.record import SoldOut, current_epoch
from orders.expiry import settle_overdue_holds
from orders.insertion import (
    Customer,
    Receipt,
    Reservation,
    ReservedTickets,
    Shop,
    write_reservation,
)
from orders.limits import (
    Limits,
    MaxPerAddressExceeded,
    MaxPerCustomerExceeded,
    TooManyReservations,
    limits_of,
    refuse_more,
)
from orders.proof_of_work import ProofOfWorkInvalid, ProofOfWorkNeeded, accept_proof
from ticketing.errors import Conflict, Invalid, NotFound, Refusal, TooMany, Unavailable
from ticketing.ids import new_code, new_id
from ticketing.tokens import TokenKind, make_token

CODE_LENGTH = 6
# If we die before its order is written, a hold blocks stock for no longer than this. The cleanup,
# which asks about all holds whose time is up, gives those with an order the order's time.
_PROVISIONAL_MILLISECONDS = 30_000
_TRIES = 6
_PAUSE_SECONDS = 0.01
# When the order was not written and will not be: the event is another by now, or a limit is met.
_CHANGED = frozenset({"closed", "changed"})
_LIMITED = frozenset(
    {"customer_has_all", "customer_must_wait", "address_has_all", "address_must_wait"}
)


@dataclass(frozen=True, slots=True)
class WantedTickets:
    ticket_type_id: UUID
    quantity: int


@dataclass(slots=True)
class _Buyer:
    customer: Customer
    receipt: Receipt | None
    shop: Shop | None
    # None: need not show one, or has shown it.
    proof: str | None


class EventNotFound(NotFound):
    """There is no such event for this caller."""

    code = "not_found"
    title = "There is nothing here"


class UnknownTicketType(NotFound):
    """The event does not sell that."""

    code = "unknown_ticket_type"
    title = "This event does not sell that ticket"


class TicketTypeNeeded(Invalid):
    """`quantity` alone does not say which of several types is meant."""

    code = "ticket_type_needed"
    title = "Say which ticket type"
    pointer = "#/items"


class EventNotOnSale(Conflict):
    """Draft, cancelled or over."""

    code = "event_not_on_sale"
    title = "This event is not on sale"


class SalesNotStarted(Conflict):
    """Too early."""

    code = "sales_not_started"
    title = "Sales have not started"


class SalesEnded(Conflict):
    """Too late."""

    code = "sales_ended"
    title = "Sales have ended"


class MaxPerOrderExceeded(Conflict):
    """More than the organizer sells to one order."""

    code = "max_per_order_exceeded"
    title = "Too many tickets for one order"


# Every way in which `reserve_tickets` says no.
REFUSALS = (
    EventNotFound,
    EventNotOnSale,
    InventoryUnavailable,
    MaxPerAddressExceeded,
    MaxPerCustomerExceeded,
    MaxPerOrderExceeded,
    ProofOfWorkInvalid,
    ProofOfWorkNeeded,
    SalesEnded,
    SalesNotStarted,
    SoldOut,
    TicketTypeNeeded,
    TooManyReservations,
    UnknownTicketType,
)


# Refusals that were decided by the event as it is now.
_EXACT = (SoldOut, TooMany, Unavailable, MaxPerAddressExceeded, MaxPerCustomerExceeded)


class _EventHasChanged(Exception):
    """The order was made by an event that is different by now."""


def reserve_tickets(  # noqa: PLR0913 - what there is to say of a reservation
    *,
    event_id: UUID,
    wanted: Sequence[WantedTickets] | int,
    customer: Customer,
    now: datetime,
    receipt: Receipt | None = None,
    proof: str | None = None,
    shop: Shop | None = None,
) -> Reservation:
    """
    Hold tickets for a while and write down the order that will pay for them.

    `wanted` names ticket types, or is a number of tickets to an event with one type.
    Tickets are held before the order is written. If we die in between, the hold is gone in
    seconds; the other way round would leave an order with no tickets.

    With a `receipt` the order gets its token, and it is kept in the transaction of the order.
    `proof` is the caller's proof of work, for an event that requires one; None if the caller need
    not show any. `shop` reserves for its customer: it may act on the order as its buyer may.

    :raises EventNotFound: if there is no such event, or it is a draft
    :raises UnknownTicketType: if a wanted type is not sold at this event
    :raises TicketTypeNeeded: if a number is wanted and the event has several types
    :raises EventNotOnSale, SalesNotStarted, SalesEnded: if it does not sell now
    :raises MaxPerOrderExceeded: if it is more than one order may have
    :raises ProofOfWorkNeeded, ProofOfWorkInvalid: if the event requires one; a good one is used up
    :raises SoldOut: if any of them is gone
    :raises TooManyReservations: if the customer or the address holds its share
    :raises MaxPerCustomerExceeded, MaxPerAddressExceeded: if it owns its share: no use in waiting
    :raises InventoryUnavailable: if Redis is away; nothing was taken
    """
    shelved, buyer = take_event(event_id), _Buyer(customer, receipt, shop, proof)
    for _attempt in range(_TRIES):
        if shelved is None:
            raise EventNotFound("No event on sale has that id or slug.")
        try:
            return _reserve(shelved, wanted, buyer, now)
        except (Refusal, _EventHasChanged) as no:
            if isinstance(no, _EXACT):
                raise
            # What we know of the event may be a moment old: it is refused by what it is now.
            known, shelved = shelved, read_event(event_id)
            same = shelved is not None and shelved.event.revision == known.event.revision
            if same and isinstance(no, Refusal):
                raise
    raise InventoryUnavailable("The event is being changed. Try once more.")


def _reserve(
    shelved: ShelvedEvent,
    wanted: Sequence[WantedTickets] | int,
    buyer: _Buyer,
    now: datetime,
) -> Reservation:
    event, types = shelved.event, shelved.types
    _check_on_sale(event, now)
    items = _price(types, wanted)
    _check_limits(event, items, now)
    if event.requires_proof_of_work and buyer.proof is not None:
        accept_proof(event_id=event.pk, proof=buyer.proof, now=now)
        buyer.proof = None
    return _hold_and_write(event, items, types, buyer, now)


def _check_on_sale(event: Event, now: datetime) -> None:
    if event.status == EventStatus.DRAFT:
        raise EventNotFound("No event on sale has that id or slug.")
    if event.status != EventStatus.PUBLISHED:
        raise EventNotOnSale(f"{event.name} was cancelled.")
    if event.ends_at <= now:
        raise EventNotOnSale(f"{event.name} is over.")


def _price(
    types: Mapping[UUID, TicketType], wanted: Sequence[WantedTickets] | int
) -> list[ReservedTickets]:
    if isinstance(wanted, int):
        if len(types) > 1:
            names = ", ".join(kind.name for kind in types.values())
            raise TicketTypeNeeded(f"This event has several types ({names}): send `items`.")
        wanted = [WantedTickets(next(iter(types)), wanted)]
    unknown = {tickets.ticket_type_id for tickets in wanted} - types.keys()
    if unknown:
        raise UnknownTicketType(f"{len(unknown)} of the ticket types asked for.")
    return [
        ReservedTickets(types[tickets.ticket_type_id], tickets.quantity)
        for tickets in sorted(wanted, key=lambda tickets: tickets.ticket_type_id)
    ]


def _check_limits(event: Event, items: Sequence[ReservedTickets], now: datetime) -> None:
    total = sum(item.quantity for item in items)
    if total > event.max_per_order:
        raise MaxPerOrderExceeded(
            f"One order has {event.max_per_order} tickets at most; {total} were asked for."
        )
    _check_period(event, now)
    for item in items:
        kind = item.ticket_type
        _check_period(kind, now)
        if kind.max_per_order is not None and item.quantity > kind.max_per_order:
            raise MaxPerOrderExceeded(
                f"One order has {kind.max_per_order} of {kind.name} at most;"
                f" {item.quantity} were asked for."
            )


def _check_period(sold: Event | TicketType, now: datetime) -> None:
    if sold.sales_start_at is not None and now < sold.sales_start_at:
        raise SalesNotStarted(f"Sales of {sold.name} start at {sold.sales_start_at.isoformat()}.")
    if sold.sales_end_at is not None and now >= sold.sales_end_at:
        raise SalesEnded(f"Sales of {sold.name} ended at {sold.sales_end_at.isoformat()}.")


def _hold_and_write(
    event: Event,
    items: list[ReservedTickets],
    types: Mapping[UUID, TicketType],
    buyer: _Buyer,
    now: datetime,
) -> Reservation:
    order_id = new_id()
    quantities = {item.ticket_type.pk: item.quantity for item in items}
    limits = limits_of(event, types.values())
    seen, asked = event.epoch, False
    for attempt in range(_TRIES):
        try:
            epoch = hold_tickets(
                event_id=event.pk,
                order_id=order_id,
                quantities=quantities,
                milliseconds=_PROVISIONAL_MILLISECONDS,
            )
        except StockIsCold:
            rebuild_stock(event_id=event.pk, seen=seen)
            seen = current_epoch(event.pk)
            time.sleep(_PAUSE_SECONDS * attempt)
            continue
        except StockRunsOut as short:
            # Overdue holds must not make a buyer see "sold out" while there is stock.
            if short.overdue and not asked:
                asked = True
                settle_overdue_holds(event_ids=[event.pk], now=now)
                continue
            raise _explain(short, event, types, quantities) from short
        reservation = Reservation(
            event=event,
            items=items,
            customer=buyer.customer,
            total=sum((item.quantity * item.ticket_type.price for item in items), Decimal(0)),
            order_id=order_id,
            code=new_code(CODE_LENGTH),
            token=buyer.receipt.token if buyer.receipt else make_token(TokenKind.ORDER),
            created_at=now,
            reserved_until=now,
            shop=buyer.shop,
        )
        outcome, current = write_reservation(
            reservation, limits=limits, epoch=epoch, receipt=buyer.receipt
        )
        if outcome == "written":
            return reservation
        if outcome in _CHANGED | _LIMITED:
            # No order has this id, nor will one.
            release_holds(event_id=event.pk, order_ids=[order_id])
            raise _refuse(outcome, reservation, limits)
        if outcome == "dropped":
            order_id = new_id()
        if outcome == "stale":
            # A rebuild is between its two steps, or died there: wait for it once, then do it.
            if attempt:
                rebuild_stock(event_id=event.pk, seen=current)
            seen = current
            time.sleep(_PAUSE_SECONDS)
    raise InventoryUnavailable("The stock is being read again. Try once more.")


def _refuse(outcome: str, reservation: Reservation, limits: Limits) -> Exception:
    if outcome in _CHANGED:
        return _EventHasChanged()
    return refuse_more(
        outcome, limits, now=reservation.created_at, until=reservation.reserved_until
    )


def _explain(
    short: StockRunsOut,
    event: Event,
    types: Mapping[UUID, TicketType],
    quantities: Mapping[UUID, int],
) -> SoldOut | _EventHasChanged:
    if short.revision > event.revision:
        return _EventHasChanged()
    name = types[short.ticket_type_id].name
    wanted = quantities[short.ticket_type_id]
    left = "no tickets" if not short.left else f"{short.left} ticket{'s' * (short.left > 1)}"
    return SoldOut(
        f"{name} has {left} left; {wanted} {'was' if wanted == 1 else 'were'} asked for."
    )
