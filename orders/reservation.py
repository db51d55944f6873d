"""Reserve tickets: hold them in Redis, then write the order in PostgreSQL."""

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
# If the process dies before it writes the order, its hold blocks stock for no longer than this. If
# the hold of a written order becomes overdue, the cleanup extends it to the order's
# `reserved_until`.
_PROVISIONAL_MILLISECONDS = 30_000
_TRIES = 6
_PAUSE_SECONDS = 0.01

# Every refusal that `reserve_tickets` may raise.
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


# Refusals that do not depend on the cached event, which may be stale: they are raised at once.
_NOT_FROM_CACHE = (SoldOut, TooMany, Unavailable, MaxPerAddressExceeded, MaxPerCustomerExceeded)


@dataclass(frozen=True, slots=True)
class _Buyer:
    customer: Customer
    shop: Shop | None
    token: NewToken | None
    store_response: Callable[[Reservation], None] | None


@dataclass(slots=True)
class _Attempts:
    """The tickets to reserve, and what changes from one attempt to the next."""

    event: Event
    types: Mapping[UUID, TicketType]
    items: list[ReservedTickets]
    order_id: UUID
    # The newest epoch whose stock could not be used. If PostgreSQL has a newer epoch, another
    # process has rebuilt the stock, and this one need not.
    seen: int
    settled_overdue: bool = False


class _EventHasChanged(Exception):
    """The event has changed since the order was priced by its cached copy."""


def reserve_tickets(  # noqa: PLR0913 - each argument is independent of the others
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
    Hold tickets in Redis for one buyer, and write the order in PostgreSQL.

    `wanted` names ticket types, or is a number of tickets if the event has only one type.
    The hold comes first. If the process dies before the order is written, the hold expires in
    seconds. In the other order, a crash would leave an order without tickets.

    `token` is the order's token, or None for a random one. `store_response` stores the response in
    the transaction of the order. With None the order needs no explicit transaction.
    `proof` is the caller's proof of work, for an event that requires one. None means that this
    caller needs no proof. `shop` reserves for a customer, and may pay for the order and cancel it.

    :raises EventNotFound: if there is no such event, or it is a draft
    :raises UnknownTicketType: if the event has no such type
    :raises TicketTypeNeeded: if `wanted` is a number and the event has several types
    :raises EventNotOnSale, SalesNotStarted, SalesEnded: if the event or a type is not on sale now
    :raises MaxPerOrderExceeded: if one order may not have so many tickets
    :raises ProofOfWorkNeeded, ProofOfWorkInvalid: if the event requires a proof, and it is missing
        or not valid; a valid proof is used up
    :raises SoldOut: if too few tickets of a type are left
    :raises TooManyReservations: if the customer or the address holds too many tickets
    :raises MaxPerCustomerExceeded, MaxPerAddressExceeded: if it owns too many; do not retry
    :raises InventoryUnavailable: if Redis is not available, or the event keeps changing; nothing is
        reserved
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
                # The proof is used up now, and further attempts of this request must not repeat it.
                proof = None
            return _hold_and_write(
                _Attempts(event, types, items, new_id(), event.epoch), buyer, now
            )
        except _NOT_FROM_CACHE:
            raise
        except (Refusal, _EventHasChanged) as refusal:
            # The cached event may be stale. Refuse only if the current event has the same revision.
            known, cached = cached, read_event(event_id)
            unchanged = cached is not None and cached.event.revision == known.event.revision
            if unchanged and isinstance(refusal, Refusal):
                raise
    raise InventoryUnavailable("The event is being changed right now. Try again.")


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
                # The next attempt generates another code.
                pass
    raise InventoryUnavailable("The stock is being read again. Try once more.")


def _hold(attempts: _Attempts, number: int, now: datetime) -> int | None:
    """Hold the tickets and return the epoch of their stock. Return None to make another attempt."""
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
        if not short.overdue or attempts.settled_overdue:
            raise _explain(short, attempts) from short
        # Overdue holds may belong to expired reservations: release those before refusing the buyer.
        attempts.settled_overdue = True
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
    # Safe: no order with this id was written, and no later attempt uses the id.
    release_holds(event_id=order.event.pk, order_ids=[order.order_id])


def _await_rebuild(event_id: UUID, current: int, number: int) -> None:
    # PostgreSQL has a newer epoch than Redis: another process is between the two steps of a
    # rebuild, or died there. Only pause at the first attempt, and rebuild at the later ones.
    if number:
        rebuild_stock(event_id=event_id, seen=current)
    time.sleep(_PAUSE_SECONDS)
