"""
The figures of doors, for all devices and pages that poll them.

A process reads the figures of an event once a second at most, however many readers ask, and never
spends more than a small share of its time on it.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Final
from uuid import UUID

from tickets.door.counts import DoorCounts, count_doors

_FRESH_SECONDS: Final = 1.0
# Figures stay fresh so many times as long as it took to read them. So a process keeps the database
# busy with them for five percent of the time at most, also at an event with many tickets.
_REST: Final = 20
_MOST_EVENTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Reading:
    counts: DoorCounts
    fresh_until: float


_readings: dict[UUID, _Reading] = {}
_lock = Lock()


def take_door_counts(event_ids: Collection[UUID]) -> Mapping[UUID, DoorCounts]:
    """Return the figures of these events, a second old at most unless they are slow to read."""
    # One thread of the process reads at a time. The others then find what it has read.
    with _lock:
        began = time.monotonic()
        known = {
            event_id: reading
            for event_id in event_ids
            if (reading := _readings.get(event_id)) and reading.fresh_until > began
        }
        unknown = [event_id for event_id in event_ids if event_id not in known]
        if unknown:
            if len(_readings) + len(unknown) > _MOST_EVENTS:
                _readings.clear()
            counted = count_doors(unknown)
            now = time.monotonic()
            fresh_until = now + max(_FRESH_SECONDS, _REST * (now - began))
            for event_id, counts in counted.items():
                known[event_id] = _readings[event_id] = _Reading(counts, fresh_until)
    return {event_id: reading.counts for event_id, reading in known.items()}


def clear_door_counts() -> None:
    """Drop all figures of this process."""
    with _lock:
        _readings.clear()
