"""
Cached pages of the catalogue: which events are on a page, and how many match its filter.

The number of tickets left is never cached: each call reads it from Redis. The same round trip
returns the revisions of the events and the version of the catalogue. If one of them is newer than
the page, the page is read again from PostgreSQL. If a change could not write them to Redis, the
page expires within seconds.
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

_EXPIRY_SECONDS: Final = 10.0
# On all pages together. A copy is about as large as its description: some megabytes at most.
_MOST_EVENTS: Final = 2_000
_MOST_COUNTS: Final = 2_000


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The parsed query of `GET /events`: a filter, and a page of the events that match it."""

    catalogue_filter: CatalogueFilter
    number: int
    size: int


@dataclass(slots=True)
class CachedPage:
    """
    A page without stock figures. All threads share it: do not change it.

    Only `shown` and `latest` are written later. Each is replaced in one assignment.
    """

    events: list[CachedEvent]
    count: int
    board: StockBoard
    catalogue_version: str | None
    read_at: float
    # The response that a view made of the page: its address, stock figures, body and ETag.
    shown: Any = None
    latest: "PageReading | None" = None


@dataclass(frozen=True, slots=True)
class PageReading:
    """A page with the tickets left of its events: one mapping by ticket type for each event."""

    page: CachedPage
    left: list[Mapping[UUID, int]]
    # The figures as Redis returned them. None: some or all came from PostgreSQL.
    reading: BoardReading | None


@dataclass(frozen=True, slots=True)
class _CachedCount:
    count: int
    catalogue_version: str | None
    read_at: float


class NoSuchPage(NotFound):
    """The page is behind the end of the list."""

    code = "not_found"
    title = "There is nothing here"


_pages: dict[PageRequest, CachedPage] = {}
_counts: dict[CatalogueFilter, _CachedCount] = {}
_lock = Lock()


def read_page(page_request: PageRequest, *, now: datetime) -> PageReading:
    """
    Return a page of the catalogue with the tickets left of its events.

    With a cached page this takes one round trip to Redis and no query.

    :raises NoSuchPage: if the list ends before this page
    """
    page = _pages.get(page_request)
    if page is not None and time.monotonic() - page.read_at > _EXPIRY_SECONDS:
        page = None
    try:
        if page is None:
            page = _load_page(page_request, read_catalogue_version(), now)
        reading = page.board.read()
        if page.latest is not None and page.latest.reading is reading:
            return page.latest
        if _is_stale(page, reading):
            page = _load_page(page_request, reading.catalogue_version, now)
            reading = page.board.read()
    except InventoryUnavailable:
        page = page or _load_page(page_request, None, now)
        recorded = recorded_left_by_event([cached.event.pk for cached in page.events])
        return PageReading(page, _in_page_order(page, recorded), None)
    warm = {
        cached.event.pk: stock.left
        for cached, stock in zip(page.events, reading.stocks, strict=True)
        if stock is not None
    }
    cold = [cached.event for cached in page.events if cached.event.pk not in warm]
    if cold:
        left = {**warm, **left_while_cold(cold, now=now)}
        return PageReading(page, _in_page_order(page, left), None)
    page.latest = PageReading(page, _in_page_order(page, warm), reading)
    return page.latest


def clear_page_cache() -> None:
    """Drop all cached pages and counts of this process."""
    _pages.clear()
    _counts.clear()


def _is_stale(page: CachedPage, reading: BoardReading) -> bool:
    return reading.catalogue_version != page.catalogue_version or any(
        stock is not None and stock.revision > cached.event.revision
        for cached, stock in zip(page.events, reading.stocks, strict=True)
    )


def _load_page(
    page_request: PageRequest, catalogue_version: str | None, now: datetime
) -> CachedPage:
    """Read a page from PostgreSQL into the cache."""
    read_at = time.monotonic()
    first = (page_request.number - 1) * page_request.size
    count = _count_matching(page_request.catalogue_filter, catalogue_version, now)
    if page_request.number > 1 and first >= count:
        raise NoSuchPage(f"The list has {count} events. Ask for an earlier page.")
    matching = public_events(page_request.catalogue_filter, now=now)
    found = matching[first : first + page_request.size] if count else []
    before = _pages.get(page_request)
    known = {cached.event.pk: cached for cached in before.events} if before else {}
    events = [_reuse_or_cache(event, known.get(event.pk), read_at) for event in found]
    board = StockBoard({cached.event.pk: list(cached.types) for cached in events})
    page = CachedPage(events, count, board, catalogue_version, read_at)
    with _lock:
        _pages.pop(page_request, None)
        while _pages and len(events) + sum(len(p.events) for p in _pages.values()) > _MOST_EVENTS:
            del _pages[next(iter(_pages))]
        if len(_pages) < _MOST_EVENTS:
            _pages[page_request] = page
    return page


def _reuse_or_cache(event: Event, known: CachedEvent | None, read_at: float) -> CachedEvent:
    # The copy of an unchanged event is kept, because its JSON is made already.
    if known is not None and known.event.revision == event.revision:
        return known
    return CachedEvent(event, {kind.pk: kind for kind in event.ticket_types.all()}, read_at)


def _count_matching(wanted: CatalogueFilter, catalogue_version: str | None, now: datetime) -> int:
    """Return how many events match the filter. The count is cached for all pages of the list."""
    known = _counts.get(wanted)
    read_at = time.monotonic()
    if (
        known is not None
        and known.catalogue_version == catalogue_version
        and read_at - known.read_at <= _EXPIRY_SECONDS
    ):
        return known.count
    count = public_events(wanted, now=now).order_by().count()
    with _lock:
        if len(_counts) >= _MOST_COUNTS:
            _counts.clear()
        _counts[wanted] = _CachedCount(count, catalogue_version, read_at)
    return count


def _in_page_order(
    page: CachedPage, left: Mapping[UUID, Mapping[UUID, int]]
) -> list[Mapping[UUID, int]]:
    """Return the stock figures in the order of the page. A type without a figure gets 0."""
    return [
        {kind: left[cached.event.pk].get(kind, 0) for kind in cached.types}
        for cached in page.events
    ]
