"""Reserving: the first step of the line."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.event_cache import ShelvedEvent, read_event, take_event
from events.models import Event, TicketType
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
from orders.pricing import (
    EventNotFound,
    EventNotOnSale,
    MaxPerOrderExceeded,
    ReservedTickets,
    SalesEnded,
    SalesNotStarted,
    TicketTypeNeeded,
    UnknownTicketType,
    WantedTickets,
    price_tickets,
    total_of,
)
from orders.proof_of_work import ProofOfWorkInvalid, ProofOfWorkNeeded, accept_proof
from ticketing.errors import Refusal, TooMany, Unavailable
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


@dataclass(slots=True)
class _Buyer:
    customer: Customer
    receipt: Receipt | None
    shop: Shop | None
    # None: need not show one, or has shown it.
    proof: str | None


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
    items = price_tickets(event=event, types=types, wanted=wanted, now=now)
    if event.requires_proof_of_work and buyer.proof is not None:
        accept_proof(event_id=event.pk, proof=buyer.proof, now=now)
        buyer.proof = None
    return _hold_and_write(event, items, types, buyer, now)


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
            total=total_of(items),
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
