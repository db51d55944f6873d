"""What becomes of holds and reservations that have run out. PostgreSQL decides, Redis obeys."""

import logging
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from events.models import Event, EventStatus
from events.stock.holds import (
    HoldAction,
    HoldDecision,
    StockIsBroken,
    apply_decisions,
    due_holds,
    try_to_apply_decisions,
)
from events.stock.record import (
    PROCESSING_HOLD_MILLISECONDS,
    DatabaseNow,
    claim_event,
    database_now,
    milliseconds_until,
)
from orders.models import DroppedHold, Order, OrderStatus
from orders.state import move_orders
from ticketing.telemetry.metrics import count_stock_failure

logger = logging.getLogger(__name__)

BATCH = 200
_EVENTS_AT_ONCE = 500
# Who asked about a hold and died leaves it to the others after so long.
_LEASE_MILLISECONDS = 10_000
# No request lives that long, so no order can still be on its way.
_TOMBSTONES_LAST = timedelta(days=1)

_PROMISED = {OrderStatus.PAID, OrderStatus.REFUNDED}


def expire_reservations(*, now: datetime) -> int:
    """
    End reservations whose time is up by the database's clock. Return how many of a batch.

    It needs no Redis. Where Redis is there, their tickets are free again at once.
    """
    overdue = list(
        Order.objects.filter(status=OrderStatus.RESERVED, reserved_until__lte=DatabaseNow())
        .order_by("reserved_until")
        .values_list("pk", "event_id")[:BATCH]
    )
    by_event: dict[UUID, list[UUID]] = defaultdict(list)
    for order_id, event_id in overdue:
        by_event[event_id].append(order_id)
    for event_id, order_ids in by_event.items():
        decisions = decide_holds(event_id=event_id, order_ids=order_ids, now=now)
        try_to_apply_decisions(event_id=event_id, decisions=decisions)
    return len(overdue)


def settle_overdue_holds(*, event_ids: Collection[UUID], now: datetime) -> bool:
    """
    Ask the record about a batch of each event's overdue holds, and apply what it decides.

    Return if there are more.

    :raises InventoryUnavailable: if Redis is away
    """
    due = due_holds(event_ids=event_ids, limit=BATCH, lease_milliseconds=_LEASE_MILLISECONDS)
    for event_id, order_ids in due.items():
        decisions = decide_holds(event_id=event_id, order_ids=order_ids, now=now)
        try:
            apply_decisions(event_id=event_id, decisions=decisions)
        except StockIsBroken as broken:
            # The audit rebuilds it; the holds of other events do not wait for that.
            logger.error("Verdicts on holds of event %s failed: %s", event_id, broken)  # noqa: TRY400
            count_stock_failure("verdict")
    return any(len(order_ids) == BATCH for order_ids in due.values())


def settle_overdue_holds_everywhere(*, now: datetime) -> None:
    """
    Ask about the overdue holds of every event that sells.

    :raises InventoryUnavailable: if Redis is away
    """
    selling = Event.objects.filter(status=EventStatus.PUBLISHED, ends_at__gt=now)
    event_ids = list(selling.values_list("pk", flat=True))
    for start in range(0, len(event_ids), _EVENTS_AT_ONCE):
        while settle_overdue_holds(event_ids=event_ids[start : start + _EVENTS_AT_ONCE], now=now):
            pass


def decide_holds(
    *, event_id: UUID, order_ids: Collection[UUID], now: datetime
) -> list[HoldDecision]:
    """
    Say what is to become of each hold: the only place that knows.

    A reservation that has run out ends here. A hold with no order behind it is dropped for good: an
    order of its id that is still on its way can no longer be written.
    """
    decisions = _decide(order_ids, now)
    if strangers := set(order_ids) - {decision.order_id for decision in decisions}:
        decisions += _drop(event_id, strangers, now)
    return decisions


def forget_dropped_holds(*, now: datetime) -> None:
    """Clear away the ids of holds that were dropped long ago."""
    DroppedHold.objects.filter(dropped_at__lt=now - _TOMBSTONES_LAST).delete()


@transaction.atomic(durable=True)
def _decide(order_ids: Collection[UUID], now: datetime) -> list[HoldDecision]:
    move_orders(
        order_ids,
        was=OrderStatus.RESERVED,
        becomes=OrderStatus.EXPIRED,
        only_if=Q(reserved_until__lte=DatabaseNow()),
        closed_at=now,
    )
    return _decide_by_status(order_ids)


@transaction.atomic(durable=True)
def _drop(event_id: UUID, order_ids: Collection[UUID], now: datetime) -> list[HoldDecision]:
    # Whoever is writing one of these orders has the event shared. Once we have it alone he has
    # committed, and we see his order, or he has not begun, and he will see our mark.
    claim_event(Event.objects.values_list("number", flat=True).get(pk=event_id))
    decisions = _decide_by_status(order_ids)
    gone = set(order_ids) - {decision.order_id for decision in decisions}
    DroppedHold.objects.bulk_create(
        [DroppedHold(order_id=order_id, dropped_at=now) for order_id in gone],
        ignore_conflicts=True,
    )
    return decisions + [HoldDecision(order_id, HoldAction.RELEASE) for order_id in gone]


def _decide_by_status(order_ids: Collection[UUID]) -> list[HoldDecision]:
    found = Order.objects.filter(pk__in=order_ids).values_list("pk", "status", "reserved_until")
    clock = database_now()
    return [_decision(*row, clock) for row in found]


def _decision(order_id: UUID, status: str, until: datetime, clock: datetime) -> HoldDecision:
    if status == OrderStatus.RESERVED:
        return HoldDecision(order_id, HoldAction.RETIME, milliseconds_until(until, now=clock))
    if status == OrderStatus.PROCESSING:
        return HoldDecision(order_id, HoldAction.RETIME, PROCESSING_HOLD_MILLISECONDS)
    if status in _PROMISED:
        return HoldDecision(order_id, HoldAction.SETTLE)
    return HoldDecision(order_id, HoldAction.RELEASE)
