"""Expire reservations, and decide in PostgreSQL what Redis must do with overdue holds."""

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
from orders.dropped_hold import DroppedHold
from orders.models import Order, OrderStatus, TicketExchange
from orders.state import move_orders
from ticketing.telemetry.metrics import count_stock_failure

logger = logging.getLogger(__name__)

BATCH = 200
_EVENTS_AT_ONCE = 500
# If a process dies while it decides a hold, another process may take the hold after this time.
_LEASE_MILLISECONDS = 10_000
# No request runs that long, so no request can still write an order with such an id.
_TOMBSTONES_LAST = timedelta(days=1)

_PROMISED = {OrderStatus.PAID, OrderStatus.REFUNDED}


def expire_reservations(*, now: datetime) -> int:
    """
    Expire a batch of reservations that are past their time by PostgreSQL's clock. Return its size.

    It works without Redis. If Redis is available, their tickets are back on sale at once.
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
    Decide a batch of each event's overdue holds in PostgreSQL, and apply the decisions in Redis.

    Return whether any event may have more overdue holds.

    :raises InventoryUnavailable: if Redis is not available
    """
    due = due_holds(event_ids=event_ids, limit=BATCH, lease_milliseconds=_LEASE_MILLISECONDS)
    for event_id, order_ids in due.items():
        decisions = decide_holds(event_id=event_id, order_ids=order_ids, now=now)
        try:
            apply_decisions(event_id=event_id, decisions=decisions)
        except StockIsBroken as broken:
            # The audit rebuilds this stock. Go on with the holds of the other events.
            logger.error("Verdicts on holds of event %s failed: %s", event_id, broken)  # noqa: TRY400
            count_stock_failure("verdict")
    return any(len(order_ids) == BATCH for order_ids in due.values())


def settle_overdue_holds_everywhere(*, now: datetime) -> None:
    """
    Decide the overdue holds of every event that is published and not over.

    :raises InventoryUnavailable: if Redis is not available
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
    Decide what Redis must do with each hold. No other code makes this decision.

    A reservation that is past its time expires here. A hold without an order or an exchange is
    dropped: its id is recorded, so that a slow request cannot write one with that id any more.
    """
    decisions = _decide(order_ids, now)
    if without_order := set(order_ids) - {decision.order_id for decision in decisions}:
        decisions += _drop(event_id, without_order, now)
    return decisions


def forget_dropped_holds(*, now: datetime) -> None:
    """Delete the ids of holds that were dropped more than a day ago."""
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
    # A request that writes an order holds the event's lock in shared mode. Once we hold it
    # exclusively, that request has committed, and we see its order, or it has not begun, and it
    # will see the row that we write here.
    claim_event(Event.objects.values_list("number", flat=True).get(pk=event_id))
    decisions = _decide_by_status(order_ids)
    without_order = set(order_ids) - {decision.order_id for decision in decisions}
    DroppedHold.objects.bulk_create(
        [DroppedHold(order_id=order_id, dropped_at=now) for order_id in without_order],
        ignore_conflicts=True,
    )
    return decisions + [HoldDecision(order_id, HoldAction.RELEASE) for order_id in without_order]


def _decide_by_status(order_ids: Collection[UUID]) -> list[HoldDecision]:
    found = Order.objects.filter(pk__in=order_ids).values_list("pk", "status", "reserved_until")
    clock = database_now()
    decisions = [_decision(*row, clock) for row in found]
    others = set(order_ids) - {decision.order_id for decision in decisions}
    if not others:
        return decisions
    # The hold of an exchange has its id. Once it is written, its place counts as sold.
    exchanges = TicketExchange.objects.filter(pk__in=others).values_list("pk", flat=True)
    return decisions + [HoldDecision(pk, HoldAction.SETTLE) for pk in exchanges]


def _decision(order_id: UUID, status: str, until: datetime, clock: datetime) -> HoldDecision:
    if status == OrderStatus.RESERVED:
        return HoldDecision(order_id, HoldAction.RETIME, milliseconds_until(until, now=clock))
    if status == OrderStatus.PROCESSING:
        return HoldDecision(order_id, HoldAction.RETIME, PROCESSING_HOLD_MILLISECONDS)
    if status in _PROMISED:
        return HoldDecision(order_id, HoldAction.SETTLE)
    return HoldDecision(order_id, HoldAction.RELEASE)
