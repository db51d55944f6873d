"""
What buyers see of an event whose stock Redis does not know, and how one of them brings it back.

After Redis has lost its data, all readers of an event find that at once. One reader rebuilds the
stock. The others get the record's figures, which each process reads once a second.
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

_KEPT_SECONDS: Final = 1.0
_MOST_KEPT: Final = 1_000
# The whole catalogue may be cold. A reader of a list rebuilds one event at most, and the readers of
# lists in one process one in this time: the record answers faster than a row of rebuilds.
_REST_SECONDS: Final = 0.1
# A reader that dies while it rebuilds keeps the others from it for no longer than this.
_LEASE_MILLISECONDS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Recorded:
    left: Mapping[UUID, int]
    read_at: float
    # Another reader rebuilds it, or it could not be done.
    is_tried: bool


class _Turn:
    """When a reader of a list may rebuild again."""

    next_at = 0.0

    def take(self, now: float) -> int:
        """Return how many events this reader may rebuild: one or none."""
        if now < self.next_at:
            return 0
        self.next_at = now + _REST_SECONDS
        return 1


_kept: dict[UUID, _Recorded] = {}
_turn = _Turn()


def left_while_cold(events: Sequence[Event], *, now: datetime) -> dict[UUID, Mapping[UUID, int]]:
    """
    Return what is left of each type of these events, which Redis was found not to know.

    This reader rebuilds one that sells, unless another reader does: its figures are live. Those of
    the others are the record's, up to a second old.
    """
    read_at = time.monotonic()
    kept = {event.pk: known for event in events if (known := _recall(event, read_at))}
    tried = {event_id for event_id, known in kept.items() if known.is_tried}
    hopeful = [event.pk for event in events if event.pk not in tried and _sells(event, now)]
    if len(events) > 1:
        hopeful = hopeful[: _turn.take(read_at)]
    live = {event_id: left for event_id in hopeful if (left := _rebuild_once(event_id)) is not None}
    unknown = [event.pk for event in events if event.pk not in live and event.pk not in kept]
    recorded: Mapping[UUID, Mapping[UUID, int]] = recorded_left_by_event(unknown) if unknown else {}
    if len(_kept) + len(recorded) > _MOST_KEPT:
        _kept.clear()
    for event_id, left in recorded.items():
        _kept[event_id] = _Recorded(left, read_at, is_tried=event_id in hopeful)
    for event_id in kept.keys() & (set(hopeful) - live.keys()):
        _kept[event_id] = replace(kept[event_id], is_tried=True)
    return {event_id: known.left for event_id, known in kept.items()} | {**recorded, **live}


def clear_recorded_figures() -> None:
    """Forget the record's figures of all events."""
    _kept.clear()
    _turn.next_at = 0.0


def _recall(event: Event, now: float) -> _Recorded | None:
    known = _kept.get(event.pk)
    if (
        known is None
        or now - known.read_at >= _KEPT_SECONDS
        # A new type would seem to be sold out.
        or known.left.keys() != {kind.pk for kind in event.ticket_types.all()}
    ):
        return None
    return known


def _sells(event: Event, now: datetime) -> bool:
    return event.status == EventStatus.PUBLISHED and event.ends_at > now


def _rebuild_once(event_id: UUID) -> Mapping[UUID, int] | None:
    """Rebuild a stock unless another reader does. Return what is left, if that is known now."""
    try:
        # Read before the stock is checked again: if the epoch has changed by then, another process
        # has rebuilt it. And before the lease: a request over its rate limit ends at this query,
        # and must not hold the lease.
        seen = current_epoch(event_id)
        if not lease_rebuild(event_id=event_id, milliseconds=_LEASE_MILLISECONDS):
            return None
        stock = read_stock(event_id)
        if stock is None:
            rebuild_stock(event_id=event_id, seen=seen)
            stock = read_stock(event_id)
    except (InventoryUnavailable, OperationalError):
        # A reader needs no rebuild: the record has an answer, and the next one tries again.
        logger.warning("The stock of event %s was not rebuilt for a reader.", event_id)
        return None
    return stock.left if stock else None
