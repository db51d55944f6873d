"""
The first page of the catalogue with what is left of its events, for all readers.

A process reads it once a second at most, however many readers come.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from events.catalogue import CatalogueFilter, Period
from events.listing import PageReading, PageRequest, read_page
from ticketing.pages.kept import KeptPage

_FRESH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class LivePage:
    """A page of the catalogue. All threads share it: only `pages` is written later."""

    reading: PageReading
    read_at: float
    # The page as its readers see it, once it was rendered.
    pages: dict[str, KeptPage] = field(default_factory=dict)


_readings: dict[int, LivePage] = {}
_lock = Lock()


def read_first_page(size: int, *, now: datetime) -> LivePage:
    """Return the first page of the coming events, `size` at most, a second old at most."""
    known = _readings.get(size)
    # One thread reads. The others show what is known, which is hardly older, or wait for it.
    if known is not None and (_is_fresh(known) or not _lock.acquire(blocking=False)):
        return known
    if known is None:
        _lock.acquire()
    try:
        known = _readings.get(size)
        if known is None or not _is_fresh(known):
            read_at = time.monotonic()
            request = PageRequest(CatalogueFilter(period=Period.UPCOMING), 1, size)
            known = _readings[size] = LivePage(read_page(request, now=now), read_at)
        return known
    finally:
        _lock.release()


def clear_live_catalogue() -> None:
    """Drop what this process has read."""
    _readings.clear()


def _is_fresh(live: LivePage) -> bool:
    return time.monotonic() - live.read_at < _FRESH_SECONDS
