"""
The record of what is promised and sold, in PostgreSQL.

Redis admits, PostgreSQL decides, Redis obeys: what stands here is the truth, and the only
code that changes `TicketType.promised` and `TicketType.sold`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import DateTimeField, F, Func, Sum

from events.models import Event, TicketType
from ticketing.database.locks import Lock, lock_until_commit, share_until_commit
from ticketing.errors import Conflict

# The one look up the line, through the ORM's reverse relation: what open orders hold.
# A test keeps these words in step with `orders.models.OrderStatus`.
RESERVED, PROCESSING = "reserved", "processing"
# A hold whose order is being paid for is asked about again after this long.
PROCESSING_HOLD_MILLISECONDS = 60_000


class SoldOut(Conflict):
    """Not enough is left."""

    code = "sold_out"
    title = "Not enough tickets left"


class DatabaseNow(Func):
    """The database's clock at this very statement: it decides what was in time."""

    function = "clock_timestamp"
    output_field = DateTimeField()


@dataclass(frozen=True, slots=True)
class StockOfType:
    ticket_type_id: UUID
    capacity: int
    version: int
    left: int


@dataclass(frozen=True, slots=True)
class OpenHold:
    """What one open order holds, and for how long yet."""

    quantities: dict[UUID, int]
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Stock:
    """All that Redis must know of one event, as PostgreSQL has it in `epoch`."""

    epoch: int
    revision: int
    types: list[StockOfType]
    holds: dict[UUID, OpenHold]


def share_event(number: int) -> None:
    """
    Let others sell too, but nobody rebuild or cancel, until this transaction ends.

    Taken before any row is locked, so that two transactions never wait for each other.
    """
    share_until_commit(Lock.EVENT, number)


def claim_event(number: int) -> None:
    """Wait for every sale of the event that is under way, and keep new ones out till we commit."""
    lock_until_commit(Lock.EVENT, number)


def current_epoch(event_id: UUID) -> int:
    """Return the epoch of an event's stock. While anybody shares the event it stays the same."""
    return Event.objects.values_list("epoch", flat=True).get(pk=event_id)


def promise_tickets(quantities: Mapping[UUID, int]) -> None:
    """
    Count tickets as promised to a payment, all of them or none.

    One statement a type checks and counts, so two payments cannot both take the last one.

    :raises SoldOut: if any of them no longer fits its capacity
    """
    # Always in the same order of types, so that two payments cannot deadlock.
    for ticket_type_id, quantity in sorted(quantities.items()):
        promised = TicketType.objects.filter(
            pk=ticket_type_id, capacity__gte=F("promised") + quantity
        ).update(promised=F("promised") + quantity)
        if not promised:
            raise SoldOut(f"Fewer than {quantity} are left.")


def return_promised(quantities: Mapping[UUID, int]) -> None:
    """Take back the promise of tickets that were not sold after all."""
    for ticket_type_id, quantity in sorted(quantities.items()):
        TicketType.objects.filter(pk=ticket_type_id).update(promised=F("promised") - quantity)


def sell_tickets(quantities: Mapping[UUID, int]) -> None:
    """Count promised tickets as sold."""
    for ticket_type_id, quantity in sorted(quantities.items()):
        TicketType.objects.filter(pk=ticket_type_id).update(sold=F("sold") + quantity)


def return_sold(quantities: Mapping[UUID, int]) -> None:
    """Put sold tickets back into the stock."""
    for ticket_type_id, quantity in sorted(quantities.items()):
        TicketType.objects.filter(pk=ticket_type_id).update(
            promised=F("promised") - quantity, sold=F("sold") - quantity
        )


def held_by_type(event_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many tickets of each type unpaid orders hold."""
    held = (
        TicketType.objects.filter(
            # The event of the order too: by it the database finds the few open orders.
            order_items__order__event_id__in=event_ids,
            order_items__order__status=RESERVED,
        )
        .values_list("pk")
        .annotate(held=Sum("order_items__quantity"))
    )
    return dict(held)


def recorded_left_by_type(event_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what is left of each type by the record alone, for when Redis is away."""
    figures = recorded_left_by_event(event_ids).values()
    return {kind: left for of_event in figures for kind, left in of_event.items()}


def recorded_left_by_event(event_ids: Collection[UUID]) -> dict[UUID, Mapping[UUID, int]]:
    """Return the same by event: for one that has no ticket types, or is unknown, nothing."""
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
    Start a new epoch of an event's stock and return what is in it.

    From here on an order whose tickets were taken in an older epoch is refused, so this is exact.
    With `seen`, do nothing and return None if somebody began another epoch since it was read.
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
    """Ask the database what time it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def milliseconds_until(moment: datetime, *, now: datetime) -> int:
    """Return how long it is until `moment`: never less than nothing."""
    return max(0, int((moment - now).total_seconds() * 1000) + 1)
