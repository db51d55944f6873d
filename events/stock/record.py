"""
The record: how many tickets of each type are promised and sold, in PostgreSQL.

The record decides every sale; Redis only admits requests to it. No other module may change
`TicketType.promised` and `TicketType.sold`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import DateTimeField, F, Func, Max, Sum

from events.models import Event, TicketType
from ticketing.database.locks import Lock, lock_until_commit, share_until_commit
from ticketing.errors import Conflict

# `events` may not import `orders`, but must count what open orders hold. It reads them through the
# ORM's reverse relation. A test compares these words with `orders.models.OrderStatus`.
RESERVED, PROCESSING = "reserved", "processing"
# The hold of an order that is being paid for becomes overdue, and is checked, after this long.
PROCESSING_HOLD_MILLISECONDS = 60_000


class SoldOut(Conflict):
    """Fewer tickets of a type are left than the order wants."""

    code = "sold_out"
    title = "Not enough tickets left"


class DatabaseNow(Func):
    """The clock of PostgreSQL when the statement runs. It decides whether a payment is in time."""

    function = "clock_timestamp"
    output_field = DateTimeField()


@dataclass(frozen=True, slots=True)
class StockOfType:
    """The stock of one ticket type. `version` counts the changes of its capacity."""

    ticket_type_id: UUID
    capacity: int
    version: int
    left: int


@dataclass(frozen=True, slots=True)
class OpenHold:
    """The tickets that one open order holds, and how long until the hold is overdue."""

    quantities: dict[UUID, int]
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Stock:
    """The complete stock of one event, read from PostgreSQL in `epoch`, to be written to Redis."""

    epoch: int
    revision: int
    types: list[StockOfType]
    holds: dict[UUID, OpenHold]


def share_event(number: int) -> None:
    """
    Take the event lock in shared mode, until this transaction ends.

    Other sales hold it at the same time. A rebuild, a change and a cancellation take it
    exclusively, so they wait. Take it before any row lock, to avoid a deadlock.
    """
    share_until_commit(Lock.EVENT, number)


def claim_event(number: int) -> None:
    """
    Take the event lock exclusively, until this transaction ends.

    Once it is taken, each sale of the event has committed or not begun. Take it before any row
    lock, to avoid a deadlock.
    """
    lock_until_commit(Lock.EVENT, number)


def current_epoch(event_id: UUID) -> int:
    """
    Return the epoch of an event's stock.

    The epoch cannot change while a transaction holds the event lock in shared mode.
    """
    return Event.objects.values_list("epoch", flat=True).get(pk=event_id)


def promise_tickets(quantities: Mapping[UUID, int]) -> None:
    """
    Count tickets as promised to a payment. The transaction must roll back if this raises.

    One UPDATE for each type checks the capacity and counts, so two payments cannot both take the
    last ticket.

    :raises SoldOut: if the tickets of any type exceed its capacity
    """
    # Sorted: rows are locked in one fixed order, so that two payments cannot deadlock.
    for ticket_type_id, quantity in sorted(quantities.items()):
        promised = TicketType.objects.filter(
            pk=ticket_type_id, capacity__gte=F("promised") + quantity
        ).update(promised=F("promised") + quantity)
        if not promised:
            raise SoldOut(f"Fewer than {quantity} tickets are left. Choose fewer tickets.")


def return_promised(quantities: Mapping[UUID, int]) -> None:
    """Stop counting tickets as promised, because their payment failed."""
    for ticket_type_id, quantity in sorted(quantities.items()):
        TicketType.objects.filter(pk=ticket_type_id).update(promised=F("promised") - quantity)


def sell_tickets(quantities: Mapping[UUID, int]) -> None:
    """Count promised tickets as sold."""
    for ticket_type_id, quantity in sorted(quantities.items()):
        TicketType.objects.filter(pk=ticket_type_id).update(sold=F("sold") + quantity)


def return_sold(quantities: Mapping[UUID, int]) -> None:
    """Stop counting tickets as sold and promised, because they were returned."""
    for ticket_type_id, quantity in sorted(quantities.items()):
        TicketType.objects.filter(pk=ticket_type_id).update(
            promised=F("promised") - quantity, sold=F("sold") - quantity
        )


def exchange_sold(*, from_type: UUID, to_type: UUID) -> None:
    """
    Count one ticket as sold of another type than before. The transaction must roll back on errors.

    :raises SoldOut: if the other type has no ticket left
    """
    # Sorted: rows are locked in one fixed order, so that this and a payment cannot deadlock.
    for ticket_type_id in sorted([from_type, to_type]):
        change = 1 if ticket_type_id == to_type else -1
        counted = TicketType.objects.filter(
            pk=ticket_type_id, capacity__gte=F("promised") + change
        ).update(promised=F("promised") + change, sold=F("sold") + change)
        if not counted:
            raise SoldOut("No ticket of this type is left.")


def held_by_type(event_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many tickets of each type are held by reserved orders."""
    held = (
        TicketType.objects.filter(
            # Filter by the order's event: an index finds its few reserved orders.
            order_items__order__event_id__in=event_ids,
            order_items__order__status=RESERVED,
        )
        .values_list("pk")
        .annotate(held=Sum("order_items__quantity"))
    )
    return dict(held)


def latest_end_by_type(event_id: UUID) -> dict[UUID, datetime]:
    """Return when the last reservation ends that holds tickets of a type, by type of one event."""
    ends = (
        TicketType.objects.filter(
            order_items__order__event_id=event_id, order_items__order__status=RESERVED
        )
        .values_list("pk")
        .annotate(end=Max("order_items__order__reserved_until"))
    )
    return dict(ends)


def recorded_left_by_type(event_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many tickets of each type are left, by PostgreSQL alone."""
    figures = recorded_left_by_event(event_ids).values()
    return {kind: left for of_event in figures for kind, left in of_event.items()}


def recorded_left_by_event(event_ids: Collection[UUID]) -> dict[UUID, Mapping[UUID, int]]:
    """
    Return how many tickets are left by PostgreSQL alone, by event and then by ticket type.

    Each id of `event_ids` is in the result. An unknown event has no ticket types.
    """
    held = held_by_type(event_ids)
    types = TicketType.objects.filter(event_id__in=event_ids)
    left: dict[UUID, dict[UUID, int]] = {event_id: {} for event_id in event_ids}
    for event_id, kind, capacity, promised in types.values_list(
        "event_id", "pk", "capacity", "promised"
    ):
        left[event_id][kind] = max(0, capacity - promised - held.get(kind, 0))
    return dict(left)


@transaction.atomic(durable=True)
def begin_epoch(*, event_id: UUID, seen: int | None = None) -> Stock | None:
    """
    Begin a new epoch of an event's stock, and return the stock.

    PostgreSQL refuses any later order whose hold was taken in an older epoch, so the returned
    stock is exact. With `seen`, do nothing and return None if the epoch is above `seen`.
    """
    event = Event.objects.only("number").get(pk=event_id)
    claim_event(event.number)
    epochs = Event.objects.filter(pk=event_id)
    if seen is not None:
        epochs = epochs.filter(epoch__lte=seen)
    if not epochs.update(epoch=F("epoch") + 1):
        return None
    event.refresh_from_db(fields=["epoch", "revision"])
    return _read_stock(event)


def _read_stock(event: Event) -> Stock:
    event_id = event.pk
    held = held_by_type([event_id])
    types = [
        StockOfType(
            kind.pk,
            kind.capacity,
            kind.capacity_version,
            kind.capacity - kind.promised - held.get(kind.pk, 0),
        )
        for kind in TicketType.objects.filter(event_id=event_id)
    ]
    rows = TicketType.objects.filter(
        order_items__order__event_id=event_id,
        order_items__order__status__in=[RESERVED, PROCESSING],
    ).values_list(
        "order_items__order_id",
        "order_items__order__status",
        "order_items__order__reserved_until",
        "pk",
        "order_items__quantity",
    )
    now = database_now()
    holds: dict[UUID, OpenHold] = {}
    for order_id, status, until, ticket_type_id, quantity in rows:
        milliseconds = PROCESSING_HOLD_MILLISECONDS
        if status == RESERVED:
            milliseconds = milliseconds_until(until, now=now)
        hold = holds.setdefault(order_id, OpenHold({}, milliseconds))
        hold.quantities[ticket_type_id] = quantity
    return Stock(event.epoch, event.revision, types, holds)


def database_now() -> datetime:
    """Return the current time by the clock of PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def milliseconds_until(moment: datetime, *, now: datetime) -> int:
    """Return the time until `moment`, rounded up. It is 0 if `moment` has passed."""
    return max(0, int((moment - now).total_seconds() * 1000) + 1)
