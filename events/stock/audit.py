"""The audit: compares the stock in Redis with the record, and rebuilds what has drifted."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.db.models import F

from events.models import Event, EventStatus, InventoryGeneration, TicketType
from events.stock.holds import check_stocks
from events.stock.rebuild import rebuild_stock
from events.stock.record import recorded_left_by_type
from ticketing.telemetry.metrics import count_stock_failure

logger = logging.getLogger(__name__)

_BATCH = 500
# The drift of a ticket type that Redis has and PostgreSQL has not.
_SURPLUS = "surplus"
# The drift of a stock that no script can read.
_BROKEN = "broken"
# A drift counts as seen before if the last audit that saw it is not older than this.
_DRIFT_EXPIRES_AFTER = timedelta(minutes=10)


def audit_stock(*, now: datetime) -> int:
    """
    Compare the stock of every event on sale, and rebuild each with the same drift as last time.

    A single difference is ignored: a sale may have come between reading Redis and PostgreSQL.
    A failure of one event is logged and counted, and the audit goes on. Return how many were
    rebuilt.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    selling = Event.objects.filter(status=EventStatus.PUBLISHED, ends_at__gt=now)
    event_ids = list(selling.values_list("pk", flat=True))
    rebuilt = 0
    for start in range(0, len(event_ids), _BATCH):
        rebuilt += _audit_batch(event_ids[start : start + _BATCH])
    return rebuilt


def count_drifts() -> int:
    """Return how many rebuilds audits have made since the system was installed."""
    drifts = InventoryGeneration.objects.values_list("drifts", flat=True).order_by("pk")
    return drifts.first() or 0


def _audit_batch(event_ids: list[UUID]) -> int:
    live, broken = check_stocks(event_ids)
    recorded = recorded_left_by_type(list(live))
    event_of = dict(TicketType.objects.filter(event_id__in=live).values_list("pk", "event_id"))
    drifts: dict[UUID, dict[str, int | str]] = {event_id: {} for event_id in live}
    for ticket_type_id, left in recorded.items():
        event_id = event_of.get(ticket_type_id)
        if event_id and (drift := live[event_id].left.get(ticket_type_id, -1) - left):
            drifts[event_id][str(ticket_type_id)] = drift
    for event_id, stock in live.items():
        # These ticket types do not exist in PostgreSQL, or not any more.
        for ticket_type_id in stock.left.keys() - event_of.keys():
            drifts[event_id][str(ticket_type_id)] = _SURPLUS
    for event_id, error in broken.items():
        logger.error("The stock of event %s is broken in Redis: %s", event_id, error)
        count_stock_failure("read")
        drifts[event_id] = {_BROKEN: error}
    return sum(_judge_drift(event_id, drift) for event_id, drift in drifts.items() if drift)


def _judge_drift(event_id: UUID, drift_by_type: dict[str, int | str]) -> int:
    """Rebuild a stock if the last audit saw the same drift. Return how many were rebuilt: 1 or 0"""
    seen = f"drift:{event_id}"
    if cache.get(seen) != drift_by_type:
        cache.set(seen, drift_by_type, _DRIFT_EXPIRES_AFTER.total_seconds())
        return 0
    logger.error("The stock of event %s drifted by %s.", event_id, drift_by_type)
    try:
        rebuild_stock(event_id=event_id)
    except Exception:
        # Any error of one event must not keep the others from being audited.
        logger.exception("The stock of event %s cannot be rebuilt.", event_id)
        count_stock_failure("rebuild")
        return 0
    InventoryGeneration.objects.update(drifts=F("drifts") + 1)
    cache.delete(seen)
    return 1
