"""
What buyers see of an event whose stock Redis does not know, and how one of them brings it back.

After Redis has lost its data, all readers of an event find that at once. One reader rebuilds the
stock. The others get the record's figures, which each process reads once a second.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import OperationalError

from events.holds import InventoryUnavailable, lease_rebuild, read_stock
from events.inventory import recorded_left_by_event
from events.models import Event, EventStatus
from events.recovery import rebuild_stock

logger = logging.getLogger(__name__)

_KEPT_SECONDS: Final = 1.0
_MOST_KEPT: Final = 1_000
# A page of the catalogue may be cold as a whole: no single reader waits for all of its rebuilds.
_MOST_REBUILDS: Final = 3
# A reader that dies while it rebuilds keeps the others from it for no longer than this.
_LEASE_MILLISECONDS: Final = 5_000


@dataclass(frozen=True, slots=True)
class _Recorded:
    left: Mapping[UUID, int]
    read_at: float


_kept: dict[UUID, _Recorded] = {}


def left_while_cold(events: Sequence[Event], *, now: datetime) -> dict[UUID, Mapping[UUID, int]]:
    """
    Return what is left of each type of these events, which Redis was found not to know.

    The record's figures are up to a second old. Where they are older, this reader may rebuild the
    event's stock instead, if it sells and nobody else does that; then the figures are live.
    """
    found: dict[UUID, Mapping[UUID, int]] = {}
    unknown = []
    read_at = time.monotonic()
    for event in events:
        kept = _kept.get(event.pk)
        if (
            kept is not None
            and read_at - kept.read_at < _KEPT_SECONDS
            # A new type would seem to be sold out.
            and kept.left.keys() == {kind.pk for kind in event.ticket_types.all()}
        ):
            found[event.pk] = kept.left
        else:
            unknown.append(event)
    selling = [event for event in unknown if _sells(event, now)]
    for event in selling[:_MOST_REBUILDS]:
        live = _rebuild_once(event.pk)
        if live is not None:
            found[event.pk] = live
    if rest := [event.pk for event in unknown if event.pk not in found]:
        found |= _read_record(rest, read_at)
    return found


def forget_recorded_figures() -> None:
    """Forget the record's figures of all events."""
    _kept.clear()


def _sells(event: Event, now: datetime) -> bool:
    return event.status == EventStatus.PUBLISHED and event.ends_at > now


def _rebuild_once(event_id: UUID) -> Mapping[UUID, int] | None:
    """Rebuild a stock unless another reader does. Return what is left, if that is known now."""
    try:
        if not lease_rebuild(event_id=event_id, milliseconds=_LEASE_MILLISECONDS):
            return None
        # Read before the second look: whoever has begun a newer epoch by then has rebuilt it.
        seen = Event.objects.values_list("epoch", flat=True).get(pk=event_id)
        stock = read_stock(event_id)
        if stock is None:
            rebuild_stock(event_id=event_id, seen=seen)
            stock = read_stock(event_id)
    except (InventoryUnavailable, OperationalError):
        # A reader needs no rebuild: the record has an answer, and the next one tries again.
        logger.warning("The stock of event %s was not rebuilt for a reader.", event_id)
        return None
    return stock.left if stock else None


def _read_record(event_ids: list[UUID], read_at: float) -> dict[UUID, Mapping[UUID, int]]:
    figures = recorded_left_by_event(event_ids)
    if len(_kept) + len(figures) > _MOST_KEPT:
        _kept.clear()
    for event_id, left in figures.items():
        _kept[event_id] = _Recorded(left, read_at)
    return figures
