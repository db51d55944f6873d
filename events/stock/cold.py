"""
Reading the stock of an event that is cold: Redis does not know it.

After Redis has lost its data, all requests that read an event find it cold at once. One of them
rebuilds the stock. The others return PostgreSQL's figures, which each process caches for a second.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import OperationalError

from events.models import Event, EventStatus
from events.stock.holds import InventoryUnavailable, lease_rebuild, read_stock
from events.stock.rebuild import rebuild_stock
from events.stock.record import current_epoch, recorded_left_by_event

logger = logging.getLogger(__name__)

_EXPIRY_SECONDS: Final = 1.0
_MOST_CACHED: Final = 1_000
# The whole catalogue may be cold, and PostgreSQL's figures are faster than many rebuilds. So all
# list requests of one process together rebuild one event in this time.
_SECONDS_BETWEEN_LIST_REBUILDS: Final = 0.1
# A process that dies while it rebuilds keeps the others from rebuilding for no longer than this.
_LEASE_MILLISECONDS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _CachedFigures:
    """How many tickets PostgreSQL had left of each type of one event."""

    left: Mapping[UUID, int]
    read_at: float
    # Whether this process has tried to rebuild the stock since: it failed, or another one rebuilds.
    rebuild_was_tried: bool


class _ListRebuilds:
    """When a list request of this process may rebuild a stock again."""

    next_at = 0.0

    def take_turn(self, now: float) -> int:
        """Return how many events this request may rebuild: 1 or 0."""
        if now < self.next_at:
            return 0
        self.next_at = now + _SECONDS_BETWEEN_LIST_REBUILDS
        return 1


_cached: dict[UUID, _CachedFigures] = {}
_list_rebuilds = _ListRebuilds()


def left_while_cold(events: Sequence[Event], *, now: datetime) -> dict[UUID, Mapping[UUID, int]]:
    """
    Return how many tickets are left of cold events, by event and then by ticket type.

    If one of the events is on sale and no other process rebuilds it, rebuild it here; its figures
    are then Redis's. The other figures are PostgreSQL's, and may be a second old.
    """
    read_at = time.monotonic()
    cached = {event.pk: known for event in events if (known := _find_cached(event, read_at))}
    tried = {event_id for event_id, known in cached.items() if known.rebuild_was_tried}
    to_rebuild = [event.pk for event in events if event.pk not in tried and _sells(event, now)]
    if len(events) > 1:
        to_rebuild = to_rebuild[: _list_rebuilds.take_turn(read_at)]
    live = {
        event_id: left for event_id in to_rebuild if (left := _rebuild_once(event_id)) is not None
    }
    unknown = [event.pk for event in events if event.pk not in live and event.pk not in cached]
    recorded: Mapping[UUID, Mapping[UUID, int]] = recorded_left_by_event(unknown) if unknown else {}
    if len(_cached) + len(recorded) > _MOST_CACHED:
        _cached.clear()
    for event_id, left in recorded.items():
        _cached[event_id] = _CachedFigures(left, read_at, rebuild_was_tried=event_id in to_rebuild)
    for event_id in cached.keys() & (set(to_rebuild) - live.keys()):
        _cached[event_id] = replace(cached[event_id], rebuild_was_tried=True)
    return {event_id: known.left for event_id, known in cached.items()} | {**recorded, **live}


def clear_recorded_figures() -> None:
    """Drop the cached figures of all events, and let the next list request rebuild at once."""
    _cached.clear()
    _list_rebuilds.next_at = 0.0


def _find_cached(event: Event, now: float) -> _CachedFigures | None:
    known = _cached.get(event.pk)
    if (
        known is None
        or now - known.read_at >= _EXPIRY_SECONDS
        # Figures without a new ticket type would show it as sold out.
        or known.left.keys() != {kind.pk for kind in event.ticket_types.all()}
    ):
        return None
    return known


def _sells(event: Event, now: datetime) -> bool:
    return event.status == EventStatus.PUBLISHED and event.ends_at > now


def _rebuild_once(event_id: UUID) -> Mapping[UUID, int] | None:
    """
    Rebuild a stock, unless another process does.

    Return how many tickets of each type are left, or None if Redis does not know the stock yet.
    """
    try:
        # The order matters. The epoch is read before the stock is checked again: a newer epoch then
        # shows that another process has rebuilt the stock. It is also read before the lease is
        # taken: a request over its rate limit ends at this query, and must not take the lease.
        seen = current_epoch(event_id)
        if not lease_rebuild(event_id=event_id, milliseconds=_LEASE_MILLISECONDS):
            return None
        stock = read_stock(event_id)
        if stock is None:
            rebuild_stock(event_id=event_id, seen=seen)
            stock = read_stock(event_id)
    except (InventoryUnavailable, OperationalError):
        # Harmless: the caller uses PostgreSQL's figures, and a later request tries again.
        logger.warning("The stock of event %s was not rebuilt for a reader.", event_id)
        return None
    return stock.left if stock else None
