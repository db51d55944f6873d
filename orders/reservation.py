"""Reserving: the first step of the line."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from events.event_cache import read_event, take_event
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
    CodeTaken,
    Customer,
    EventChanged,
    HoldDropped,
    NewOrder,
    Reservation,
    Shop,
    StaleEpoch,
    write_reservation,
)
from orders.limits import (
    LimitPassed,
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
from ticketing.tokens import NewToken, TokenKind, make_token

CODE_LENGTH = 6
# If we die before its order is written, a hold blocks stock for no longer than this. The cleanup,
# which asks about all holds whose time is up, gives those with an order the order's time.
_PROVISIONAL_MILLISECONDS = 30_000
_TRIES = 6
_PAUSE_SECONDS = 0.01

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


@dataclass(frozen=True, slots=True)
class _Buyer:
    customer: Customer
    shop: Shop | None
    token: NewToken | None
    store_response: Callable[[Reservation], None] | None


@dataclass(slots=True)
class _Attempts:
    """What is wanted of an event, and what the attempts to reserve it have learned so far."""

    event: Event
    types: Mapping[UUID, TicketType]
    items: list[ReservedTickets]
    order_id: UUID
    # The newest epoch whose stock did not serve.
    seen: int
    asked_about_overdue: bool = False


class _EventHasChanged(Exception):
    """The order was priced by an event that is different by now."""


def reserve_tickets(  # noqa: PLR0913 - what there is to say of a reservation
    *,
    event_id: UUID,
    wanted: Sequence[WantedTickets] | int,
    customer: Customer,
    now: datetime,
    token: NewToken | None = None,
    store_response: Callable[[Reservation], None] | None = None,
    proof: str | None = None,
    shop: Shop | None = None,
) -> Reservation:
    """
    Hold tickets for a while and write down the order that will pay for them.

    `wanted` names ticket types, or is a number of tickets to an event with one type.
    Tickets are held before the order is written. If we die in between, the hold is gone in
    seconds; the other way round would leave an order with no tickets.

    `token` is the order's token, None for a random one. `store_response` stores the response in the
    transaction of the order; None costs no transaction.
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
    cached, buyer = take_event(event_id), _Buyer(customer, shop, token, store_response)
    for _ in range(_TRIES):
        if cached is None:
            raise EventNotFound("No event on sale has that id or slug.")
        event, types = cached.event, cached.types
        try:
            items = price_tickets(event=event, types=types, wanted=wanted, now=now)
            if event.requires_proof_of_work and proof is not None:
                accept_proof(event_id=event.pk, proof=proof, now=now)
                # It is used up: the next attempt needs none.
                proof = None
            return _hold_and_write(
                _Attempts(event, types, items, new_id(), event.epoch), buyer, now
            )
        except _EXACT:
            raise
        except (Refusal, _EventHasChanged) as no:
            # What we know of the event may be a moment old: it is refused by what it is now.
            known, cached = cached, read_event(event_id)
            same = cached is not None and cached.event.revision == known.event.revision
            if same and isinstance(no, Refusal):
                raise
    raise InventoryUnavailable("The event is being changed. Try once more.")


def _hold_and_write(attempts: _Attempts, buyer: _Buyer, now: datetime) -> Reservation:
    event, limits = attempts.event, limits_of(attempts.event, attempts.types.values())
    for number in range(_TRIES):
        epoch = _hold(attempts, number, now)
        if epoch is None:
            continue
        order = _new_order(attempts, buyer)
        match write_reservation(
            order, limits=limits, epoch=epoch, store_response=buyer.store_response
        ):
            case Reservation() as reservation:
                return reservation
            case LimitPassed() as passed:
                _release(order)
                raise refuse_more(passed, limits)
            case EventChanged():
                _release(order)
                raise _EventHasChanged
            case HoldDropped():
                attempts.order_id = new_id()
            case StaleEpoch(current):
                _await_rebuild(event.pk, current, number)
                attempts.seen = current
            case CodeTaken():
                # The next attempt draws another one.
                pass
    raise InventoryUnavailable("The stock is being read again. Try once more.")


def _hold(attempts: _Attempts, number: int, now: datetime) -> int | None:
    """Hold the tickets and return the epoch of their stock, or None if another attempt may."""
    event_id = attempts.event.pk
    try:
        return hold_tickets(
            event_id=event_id,
            order_id=attempts.order_id,
            quantities={item.ticket_type.pk: item.quantity for item in attempts.items},
            milliseconds=_PROVISIONAL_MILLISECONDS,
        )
    except StockIsCold:
        rebuild_stock(event_id=event_id, seen=attempts.seen)
        attempts.seen = current_epoch(event_id)
        time.sleep(_PAUSE_SECONDS * number)
    except StockRunsOut as short:
        if not short.overdue or attempts.asked_about_overdue:
            raise _explain(short, attempts) from short
        # Overdue holds must not make a buyer see "sold out" while there is stock.
        attempts.asked_about_overdue = True
        settle_overdue_holds(event_ids=[event_id], now=now)
    return None


def _explain(short: StockRunsOut, attempts: _Attempts) -> SoldOut | _EventHasChanged:
    if short.revision > attempts.event.revision:
        return _EventHasChanged()
    item = next(each for each in attempts.items if each.ticket_type.pk == short.ticket_type_id)
    left = "no tickets" if not short.left else f"{short.left} ticket{'s' * (short.left > 1)}"
    were = "was" if item.quantity == 1 else "were"
    return SoldOut(f"{item.ticket_type.name} has {left} left; {item.quantity} {were} asked for.")


def _new_order(attempts: _Attempts, buyer: _Buyer) -> NewOrder:
    return NewOrder(
        order_id=attempts.order_id,
        code=new_code(CODE_LENGTH),
        event=attempts.event,
        items=attempts.items,
        total=total_of(attempts.items),
        customer=buyer.customer,
        token=buyer.token or make_token(TokenKind.ORDER),
        shop=buyer.shop,
    )


def _release(order: NewOrder) -> None:
    # No order has this id, nor will one.
    release_holds(event_id=order.event.pk, order_ids=[order.order_id])


def _await_rebuild(event_id: UUID, current: int, number: int) -> None:
    # A rebuild is between its two steps, or died there: wait for it once, then do it.
    if number:
        rebuild_stock(event_id=event_id, seen=current)
    time.sleep(_PAUSE_SECONDS)
