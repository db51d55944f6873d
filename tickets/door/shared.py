"""
One reading of the figures of doors, shared by all devices and pages that poll them.

A process reads each figure once a second at most, however many readers ask, and rests the longer
the longer a reading took.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final, Generic, TypeVar
from uuid import UUID

_FRESH_SECONDS: Final = 1.0
# A reading stays fresh so many times as long as it took. So a process keeps the database busy with
# it for five percent of the time, unless a reading takes over half a second.
_REST: Final = 20
# But the first reading of a process on a busy machine takes seconds: figures must not stand still
# for a minute after it.
_LONGEST_REST: Final = 10.0
_MOST_KEPT: Final = 1_000

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Reading(Generic[Value]):
    value: Value
    fresh_until: float


class SharedReading(Generic[Value]):
    """What one function reads of events, kept while it is fresh."""

    def __init__(self, read: Callable[[Collection[UUID], datetime], Mapping[UUID, Value]]) -> None:
        self._read = read
        self._readings: dict[UUID, _Reading[Value]] = {}
        self._lock = Lock()

    def take(self, event_ids: Collection[UUID], now: datetime) -> dict[UUID, Value]:
        """Return the values of these events, a second old at most unless they are slow to read."""
        # One thread of the process reads at a time. The others then find what it has read.
        with self._lock:
            began = time.monotonic()
            stale = [
                event_id
                for event_id in event_ids
                if (known := self._readings.get(event_id)) is None or known.fresh_until <= began
            ]
            if stale:
                self._keep(self._read(stale, now), began)
            return {
                event_id: self._readings[event_id].value
                for event_id in event_ids
                if event_id in self._readings
            }

    def clear(self) -> None:
        """Drop all readings of this process."""
        with self._lock:
            self._readings.clear()

    def _keep(self, values: Mapping[UUID, Value], began: float) -> None:
        now = time.monotonic()
        fresh_until = now + max(_FRESH_SECONDS, min(_REST * (now - began), _LONGEST_REST))
        if len(self._readings) + len(values) > _MOST_KEPT:
            expired = [key for key, known in self._readings.items() if known.fresh_until <= began]
            for key in expired:
                del self._readings[key]
        for event_id, value in values.items():
            self._readings[event_id] = _Reading(value, fresh_until)
