"""
Pages of the catalogue, remembered for a moment: which events are on them, and how many there are.

What is left is never remembered: each reading asks Redis. It also tells whether an event has
changed since, or the catalogue, and then the page is read again. Where no one could tell Redis, a
page is forgotten within seconds.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any, Final
from uuid import UUID

from events.catalogue import CatalogueFilter, public_events
from events.event_cache import CachedEvent
from events.models import Event
from events.stock.board import BoardReading, StockBoard, read_catalogue_version
from events.stock.cold import left_while_cold
from events.stock.holds import InventoryUnavailable
from events.stock.record import recorded_left_by_event
from ticketing.errors import NotFound

_SECONDS: Final = 10.0
# On all pages together, with their descriptions: some megabytes at the most.
_MOST_EVENTS: Final = 2_000
_MOST_COUNTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class WantedPage:
    """Which part of which list somebody asks for."""

    wanted: CatalogueFilter
    number: int
    size: int


@dataclass(slots=True)
class ListedPage:
    """A page, shared by all threads: nobody may change it, save for what a view has `shown`."""

    events: list[CachedEvent]
    count: int
    board: StockBoard
    catalogue_version: str | None
    read_at: float
    shown: Any = None
    now: "PageNow | None" = None


@dataclass(frozen=True, slots=True)
class PageNow:
    """A page, and what is left of each type of its events now."""

    page: ListedPage
    left: list[Mapping[UUID, int]]
    # None: Redis does not know all of them.
    reading: BoardReading | None


@dataclass(frozen=True, slots=True)
class _Count:
    count: int
    catalogue_version: str | None
    read_at: float


class NoSuchPage(NotFound):
    """The list is not that long."""

    code = "not_found"
    title = "There is nothing here"


_pages: dict[WantedPage, ListedPage] = {}
_counts: dict[CatalogueFilter, _Count] = {}
_lock = Lock()


def read_page(asked: WantedPage, *, now: datetime) -> PageNow:
    """
    Return a page of the catalogue with what is left of its events, in one round trip.

    :raises NoSuchPage: if the list ends before it
    """
    page = _pages.get(asked)
    if page is not None and time.monotonic() - page.read_at > _SECONDS:
        page = None
    try:
        if page is None:
            page = _write_down(asked, read_catalogue_version(), now)
        reading = page.board.read()
        if page.now is not None and page.now.reading is reading:
            return page.now
        if _is_old(page, reading):
            page = _write_down(asked, reading.catalogue_version, now)
            reading = page.board.read()
    except InventoryUnavailable:
        page = page or _write_down(asked, None, now)
        recorded = recorded_left_by_event([cached.event.pk for cached in page.events])
        return PageNow(page, _in_order(page, recorded), None)
    warm = {
        cached.event.pk: stock.left
        for cached, stock in zip(page.events, reading.stocks, strict=True)
        if stock is not None
    }
    cold = [cached.event for cached in page.events if cached.event.pk not in warm]
    if cold:
        return PageNow(page, _in_order(page, {**warm, **left_while_cold(cold, now=now)}), None)
    page.now = PageNow(page, _in_order(page, warm), reading)
    return page.now


def clear_page_cache() -> None:
    """Forget all pages."""
    _pages.clear()
    _counts.clear()


def _is_old(page: ListedPage, reading: BoardReading) -> bool:
    return reading.catalogue_version != page.catalogue_version or any(
        stock is not None and stock.revision > cached.event.revision
        for cached, stock in zip(page.events, reading.stocks, strict=True)
    )


def _write_down(asked: WantedPage, catalogue_version: str | None, now: datetime) -> ListedPage:
    """Read a page from the record, and remember it."""
    read_at = time.monotonic()
    first = (asked.number - 1) * asked.size
    count = _count(asked.wanted, catalogue_version, now)
    if asked.number > 1 and first >= count:
        raise NoSuchPage(f"The list has {count} events.")
    found = public_events(asked.wanted, now=now)[first : first + asked.size] if count else []
    before = _pages.get(asked)
    known = {cached.event.pk: cached for cached in before.events} if before else {}
    events = [_cache(event, known.get(event.pk), read_at) for event in found]
    board = StockBoard({cached.event.pk: list(cached.types) for cached in events})
    page = ListedPage(events, count, board, catalogue_version, read_at)
    with _lock:
        _pages.pop(asked, None)
        while _pages and len(events) + sum(len(p.events) for p in _pages.values()) > _MOST_EVENTS:
            del _pages[next(iter(_pages))]
        if len(_pages) < _MOST_EVENTS:
            _pages[asked] = page
    return page


def _cache(event: Event, known: CachedEvent | None, read_at: float) -> CachedEvent:
    # One that has not changed since need not be shown anew.
    if known is not None and known.event.revision == event.revision:
        return known
    return CachedEvent(event, {kind.pk: kind for kind in event.ticket_types.all()}, read_at)


def _count(wanted: CatalogueFilter, catalogue_version: str | None, now: datetime) -> int:
    """Return how many events fit: counted once, for all pages of a list and all who ask for it."""
    known = _counts.get(wanted)
    read_at = time.monotonic()
    if (
        known is not None
        and known.catalogue_version == catalogue_version
        and read_at - known.read_at <= _SECONDS
    ):
        return known.count
    count = public_events(wanted, now=now).order_by().count()
    with _lock:
        if len(_counts) >= _MOST_COUNTS:
            _counts.clear()
        _counts[wanted] = _Count(count, catalogue_version, read_at)
    return count


def _in_order(
    page: ListedPage, left: Mapping[UUID, Mapping[UUID, int]]
) -> list[Mapping[UUID, int]]:
    """Return the figures in the order of the page: of a type without one, none is left."""
    return [
        {kind: left[cached.event.pk].get(kind, 0) for kind in cached.types}
        for cached in page.events
    ]
