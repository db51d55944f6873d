"""What an exchange of a sold ticket does to an order: the new place, and the price's difference."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID

from django.db.models import Sum

from events.event_cache import read_event
from events.models import Event, EventStatus, TicketType
from events.stock.holds import InventoryUnavailable, release_holds, settle_hold
from events.stock.record import SoldOut, current_epoch, exchange_sold, share_event
from orders.dropped_hold import DroppedHold
from orders.holding import TRIES, Attempts, EventHasChanged, await_rebuild, hold_once
from orders.models import CashDifference, Order, PaymentMethod, Refund, TicketExchange
from orders.pricing import (
    EventNotFound,
    EventNotOnSale,
    ReservedTickets,
    UnknownTicketType,
    check_on_sale,
)
from orders.promo_code import terms_of
from orders.refunds import record_partial_refund
from ticketing.errors import Invalid, Refusal
from ticketing.ids import new_id

T = TypeVar("T")

# A ticket of an order, whatever replaced it: the id of its item, and its position there.
TicketPlace = tuple[int, int]


class Difference(StrEnum):
    """What happens with the difference between the old price and the new one."""

    # A cheaper type: the buyer gets the difference back, or the organizer keeps it.
    REFUND = "refund"
    KEEP = "keep"
    # A dearer type: staff take the difference in cash, or waive it.
    CASH = "cash"
    WAIVE = "waive"


OF_CHEAPER: Final = (Difference.REFUND, Difference.KEEP)
OF_DEARER: Final = (Difference.CASH, Difference.WAIVE)


class DifferenceNotSettled(Invalid):
    """The prices differ, and what happens with the difference was not said, or does not fit."""

    code = "difference_not_settled"
    title = "Say what happens with the difference of the price"
    pointer = "#/difference"


class WaiverNeedsReason(Invalid):
    """A difference that is waived needs a reason."""

    code = "waiver_needs_reason"
    title = "Say why the difference is waived"
    pointer = "#/reason"


# Every refusal that an exchange may raise for the order, the price and the stock.
REFUSALS: Final = (
    DifferenceNotSettled,
    EventNotOnSale,
    InventoryUnavailable,
    SoldOut,
    UnknownTicketType,
    WaiverNeedsReason,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a ticket type that is held in Redis, until a transaction keeps it."""

    exchange_id: UUID
    event: Event
    ticket_type_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class SettledDifference:
    """What a ticket is worth after an exchange, and the money that moves for it."""

    price: Decimal
    # To the buyer, the way the order was paid.
    returned: Decimal = Decimal(0)
    # By hand: positive if staff take it, negative if they give it back.
    cash: Decimal = Decimal(0)


class _PlaceIsStale(Exception):
    """The place was held in another epoch of the stock than the current one."""

    def __init__(self, current: int) -> None:
        self.current = current


class _PlaceWasDropped(Exception):
    """The hold of the place was dropped as one without an order."""


def with_place(
    *, event_id: UUID, ticket_type_id: UUID, now: datetime, write: Callable[[Place], T]
) -> T:
    """
    Hold a place of a ticket type, and call `write`. Return what it returns.

    `write` opens a transaction that calls `keep_place` first. It runs again, with another place, if
    the stock was rebuilt meanwhile. If it raises a refusal, the place is free again. Limits of the
    customer and sales periods do not apply; the stock does.

    :raises EventNotFound: if the event is a draft, or does not exist
    :raises EventNotOnSale: if the event was cancelled, or is over
    :raises UnknownTicketType: if the event has no such type
    :raises SoldOut: if no ticket of the type is left
    :raises InventoryUnavailable: if Redis is not available, or the stock keeps changing
    """
    seen, exchange_id, settled_overdue = 0, new_id(), False
    for number in range(TRIES):
        # Not from the cache: staff exchange rarely, and right after they have changed the event.
        current = read_event(event_id)
        if current is None:
            raise EventNotFound("There is no such event.")
        check_on_sale(current.event, now)
        if ticket_type_id not in current.types:
            raise UnknownTicketType("The event does not have this ticket type any more.")
        one = [ReservedTickets(current.types[ticket_type_id], 1)]
        attempts = Attempts(
            current.event,
            current.types,
            one,
            exchange_id,
            max(seen, current.event.epoch),
            settled_overdue,
        )
        try:
            epoch = hold_once(attempts, number, now)
        except EventHasChanged:
            continue
        seen, settled_overdue = attempts.seen, attempts.settled_overdue
        if epoch is None:
            continue
        try:
            written = write(Place(exchange_id, current.event, ticket_type_id, epoch))
        except _PlaceIsStale as stale:
            await_rebuild(event_id, stale.current, number)
            seen = stale.current
        except _PlaceWasDropped:
            exchange_id = new_id()
        except Refusal:
            # Safe: nothing was written with this id, and no later attempt uses it.
            release_holds(event_id=event_id, order_ids=[exchange_id])
            raise
        else:
            settle_hold(event_id=event_id, order_id=exchange_id)
            return written
    raise InventoryUnavailable("The stock is being read again. Try once more.")


def keep_place(place: Place) -> None:
    """
    Check that a place is still held. Call it first in the transaction that keeps the place.

    It takes the event's lock in shared mode: until the commit, no rebuild counts the stock, and
    no cleanup drops the hold.

    :raises EventNotOnSale: if the event was cancelled meanwhile
    """
    share_event(place.event.number)
    epoch = current_epoch(place.event.pk)
    if epoch != place.epoch:
        raise _PlaceIsStale(epoch)
    if DroppedHold.objects.filter(order_id=place.exchange_id).exists():
        raise _PlaceWasDropped
    if not Event.objects.filter(pk=place.event.pk, status=EventStatus.PUBLISHED).exists():
        raise EventNotOnSale(f"{place.event.name} was cancelled.")


def price_in_order(order: Order, kind: TicketType) -> Decimal:
    """
    Return what a ticket of this type costs in an order today.

    The order's promo code counts, also if its period is over. Complimentary tickets cost nothing.
    """
    if order.payment.method == PaymentMethod.COMPLIMENTARY:
        return Decimal(0)
    if order.promo_code is None:
        return kind.price
    return kind.price - terms_of(order.promo_code).discount_on(kind)


def settle_difference(
    *,
    before: Decimal,
    after: Decimal,
    in_cash: Decimal,
    difference: Difference | None,
    reason: str,
) -> SettledDifference:
    """
    Return the money that moves when a ticket worth `before` becomes one that costs `after`.

    What staff took by hand for the ticket (`in_cash`) is given back by hand, before any money goes
    back the way the order was paid.

    :raises DifferenceNotSettled: if `difference` does not fit
    :raises WaiverNeedsReason: if the difference is waived without a reason
    """
    if before == after:
        return SettledDifference(before)
    fitting = OF_CHEAPER if after < before else OF_DEARER
    if difference not in fitting:
        words = " or ".join(f"`{one}`" for one in fitting)
        raise DifferenceNotSettled(f"The prices differ by {abs(after - before)}: send {words}.")
    if difference == Difference.WAIVE and not reason.strip():
        raise WaiverNeedsReason("A difference that is waived needs a reason.")
    if difference == Difference.CASH:
        return SettledDifference(after, cash=after - before)
    if difference == Difference.REFUND:
        by_hand = min(before - after, in_cash)
        return SettledDifference(after, returned=before - after - by_hand, cash=-by_hand)
    return SettledDifference(before)


def record_exchange(  # noqa: PLR0913 - the parts of an exchange
    *,
    place: Place,
    order: Order,
    ticket: TicketPlace,
    from_type: UUID,
    before: Decimal,
    settled: SettledDifference,
    now: datetime,
) -> Refund | None:
    """
    Count the new place as sold and the old one as free, and record the money that moves.

    It runs in the transaction that replaces the ticket. The caller has locked the order's row, and
    sends the message that returns the money if a refund is returned.

    :raises SoldOut: if no place is left; the transaction must roll back
    """
    item_id, position = ticket
    TicketExchange.objects.create(
        pk=place.exchange_id,
        order=order,
        order_item_id=item_id,
        position=position,
        from_type_id=from_type,
        to_type_id=place.ticket_type_id,
        price_before=before,
        price_after=settled.price,
        at=now,
    )
    refund = None
    if settled.returned:
        refund = record_partial_refund(order_id=order.pk, amount=settled.returned, now=now)
    if settled.cash:
        _add_cash(order.pk, ticket, settled.cash, now)
    # Last, to hold these locks briefly: every sale of the event updates these rows.
    exchange_sold(from_type=from_type, to_type=place.ticket_type_id)
    return refund


def cash_of_tickets(order_id: UUID) -> dict[TicketPlace, Decimal]:
    """Return what staff took by hand for an order's tickets and have not given back."""
    sums = (
        CashDifference.objects.filter(order_id=order_id)
        .order_by()
        .values_list("order_item_id", "position")
        .annotate(sum=Sum("amount"))
    )
    return {(item, position): amount for item, position, amount in sums if amount}


def give_cash_back(*, order_id: UUID, tickets: Collection[TicketPlace], now: datetime) -> Decimal:
    """
    Record that staff owe by hand what they took by hand for tickets that are refunded. Return it.

    It runs in the transaction that revokes the tickets. The caller has locked the order's row.
    """
    owed = {
        ticket: amount for ticket, amount in cash_of_tickets(order_id).items() if ticket in tickets
    }
    for ticket, amount in sorted(owed.items()):
        _add_cash(order_id, ticket, -amount, now)
    return sum(owed.values(), Decimal(0))


def _add_cash(order_id: UUID, ticket: TicketPlace, amount: Decimal, now: datetime) -> None:
    # A trigger enters it in the ledger.
    CashDifference.objects.create(
        order_id=order_id, order_item_id=ticket[0], position=ticket[1], amount=amount, at=now
    )
