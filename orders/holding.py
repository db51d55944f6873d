"""Hold tickets in Redis and write their order in PostgreSQL, until both agree."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

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
    NoUseLeft,
    PromoChanged,
    Reservation,
    Shop,
    StaleEpoch,
    write_reservation,
)
from orders.limits import LimitPassed, Limits, refuse_more
from orders.pricing import ReservedTickets, total_of
from orders.promo_terms import PromoTerms
from orders.promo_uses import PromoCodeUsedUp
from ticketing.errors import Refusal
from ticketing.ids import new_code, new_id
from ticketing.tokens import NewToken, TokenKind, make_token

CODE_LENGTH = 6
# If the process dies before it writes the order, its hold blocks stock for no longer than this. If
# the hold of a written order becomes overdue, the cleanup extends it to the order's
# `reserved_until`.
_PROVISIONAL_MILLISECONDS = 30_000
TRIES = 6
_PAUSE_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whose order it is, and what its transaction writes besides."""

    customer: Customer
    shop: Shop | None
    token: NewToken | None
    store_response: Callable[[Reservation], None] | None


@dataclass(slots=True)
class Attempts:
    """The tickets to reserve, and what changes from one attempt to the next."""

    event: Event
    types: Mapping[UUID, TicketType]
    items: list[ReservedTickets]
    order_id: UUID
    # The newest epoch whose stock could not be used. If PostgreSQL has a newer epoch, another
    # process has rebuilt the stock, and this one need not.
    seen: int
    settled_overdue: bool = False
    promo: PromoTerms | None = None


class OrderNotWanted(Exception):
    """`store_response` found that the order must not be written. Nothing is written or held."""


class EventHasChanged(Exception):
    """The event or the promo code has changed since the order was priced."""


def hold_and_write(attempts: Attempts, buyer: Buyer, limits: Limits, now: datetime) -> Reservation:
    """
    Hold the tickets of `attempts` and write their order.

    :raises EventHasChanged: if the event or promo code is not as it was priced; price it again
    :raises PromoCodeUsedUp: if the promo code has no use left
    :raises SoldOut: if too few tickets of a type are left
    :raises TooManyReservations, MaxPerCustomerExceeded, MaxPerAddressExceeded: by `limits`
    :raises InventoryUnavailable: if Redis is not available, or the stock keeps changing
    :raises OrderNotWanted: if `store_response` raised it; the hold is released
    """
    event = attempts.event
    for number in range(TRIES):
        epoch = hold_once(attempts, number, now)
        if epoch is None:
            continue
        order = _new_order(attempts, buyer)
        try:
            outcome = write_reservation(
                order, limits=limits, epoch=epoch, store_response=buyer.store_response
            )
        except (Refusal, OrderNotWanted):
            _release(order)
            raise
        match outcome:
            case Reservation() as reservation:
                return reservation
            case LimitPassed() | NoUseLeft() | EventChanged() | PromoChanged() as refused:
                _release(order)
                raise _reason_of(refused, limits)
            case HoldDropped():
                attempts.order_id = new_id()
            case StaleEpoch(current):
                await_rebuild(event.pk, current, number)
                attempts.seen = current
            case CodeTaken():
                # The next attempt generates another code.
                pass
    raise InventoryUnavailable("The stock is being read again. Try once more.")


def _reason_of(
    refused: LimitPassed | NoUseLeft | EventChanged | PromoChanged, limits: Limits
) -> Exception:
    match refused:
        case LimitPassed():
            return refuse_more(refused, limits)
        case NoUseLeft():
            return PromoCodeUsedUp()
        case _:
            return EventHasChanged()


def hold_once(attempts: Attempts, number: int, now: datetime) -> int | None:
    """
    Hold the tickets for some seconds and return the epoch of their stock.

    Return None to make another attempt. `number` counts the attempts from 0.

    :raises SoldOut: if too few tickets of a type are left
    :raises EventHasChanged: if the event is not as it was read
    :raises InventoryUnavailable: if Redis is not available
    """
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


def _explain(short: StockRunsOut, attempts: Attempts) -> SoldOut | EventHasChanged:
    if short.revision > attempts.event.revision:
        return EventHasChanged()
    item = next(each for each in attempts.items if each.ticket_type.pk == short.ticket_type_id)
    left = "no tickets" if not short.left else f"{short.left} ticket{'s' * (short.left > 1)}"
    were = "was" if item.quantity == 1 else "were"
    return SoldOut(f"{item.ticket_type.name} has {left} left; {item.quantity} {were} asked for.")


def _new_order(attempts: Attempts, buyer: Buyer) -> NewOrder:
    return NewOrder(
        order_id=attempts.order_id,
        code=new_code(CODE_LENGTH),
        event=attempts.event,
        items=attempts.items,
        total=total_of(attempts.items),
        customer=buyer.customer,
        token=buyer.token or make_token(TokenKind.ORDER),
        shop=buyer.shop,
        promo=attempts.promo,
    )


def _release(order: NewOrder) -> None:
    # Safe: no order with this id was written, and no later attempt uses the id.
    release_holds(event_id=order.event.pk, order_ids=[order.order_id])


def await_rebuild(event_id: UUID, current: int, number: int) -> None:
    """Wait until the stock of the epoch `current` is in Redis, or rebuild it."""
    # PostgreSQL has a newer epoch than Redis: another process is between the two steps of a
    # rebuild, or died there. Only pause at the first attempt, and rebuild at the later ones.
    if number:
        rebuild_stock(event_id=event_id, seen=current)
    time.sleep(_PAUSE_SECONDS)
