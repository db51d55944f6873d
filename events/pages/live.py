"""
What is left of an event's tickets, and its page, for all readers.

A process reads the stock of an event once a second at most, however many readers poll it.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed

from events.catalogue import latest_return_by_type, left_by_type, look_up_event
from events.event_cache import CachedEvent, take_event_named
from events.models import ChangeForBuyers, EventStatus
from ticketing import clock
from ticketing.api.limits import count_as
from ticketing.pages.kept import KeptPage

_FRESH_SECONDS: Final = 1.0
# When held tickets may return changes slowly, and is a question to PostgreSQL.
_RETURNS_FRESH_SECONDS: Final = 5.0
_MOST_EVENTS: Final = 1_000
_READ_METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event with what is left of it. All threads share it: only `pages` is written later."""

    cached: CachedEvent
    left: Mapping[UUID, int]
    # For types without tickets left: when the last hold of theirs ends, if there is one.
    returns: Mapping[UUID, datetime]
    # When it started before its last change of date.
    earlier_start: datetime | None
    read_at: float
    returns_read_at: float
    body: bytes
    # The event's page as its readers see it, once it was rendered.
    pages: dict[str, KeptPage] = field(default_factory=dict)


_readings: dict[str, LiveEvent] = {}
_locks: dict[str, Lock] = {}


def read_live_event(slug: str, *, now: datetime) -> LiveEvent | None:
    """Return a public event with its stock, a second old at most, or None if there is none."""
    known = _fresh(slug)
    if known is not None:
        return known
    stale = _readings.get(slug)
    if len(_locks) >= _MOST_EVENTS:
        _locks.clear()
    lock = _locks.setdefault(slug, Lock())
    # One thread reads. The others show what is known, which is hardly older, or wait for it.
    if not lock.acquire(blocking=stale is None):
        return stale
    try:
        return _fresh(slug) or _read(slug, stale, now)
    finally:
        lock.release()


def count_if_unknown(request: HttpRequest, slug: str) -> HttpResponseBase | None:
    """Count a request for an event that this process has to look up. Return its refusal, if any."""
    return None if slug in _readings else count_as("read", request)


def show_live(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Return what is left by ticket type, as JSON for the script of the event's page."""
    if request.method not in _READ_METHODS:
        return HttpResponseNotAllowed(_READ_METHODS)
    if (refused := count_if_unknown(request, slug)) is not None:
        return refused
    live = read_live_event(slug, now=clock.now())
    if live is None:
        return HttpResponse(b"{}", status=404, content_type="application/json")
    return HttpResponse(live.body, content_type="application/json")


def clear_live_events() -> None:
    """Drop all readings of this process."""
    _readings.clear()
    _locks.clear()


def _fresh(slug: str) -> LiveEvent | None:
    known = _readings.get(slug)
    if known is not None and time.monotonic() - known.read_at < _FRESH_SECONDS:
        return known
    return None


def _read(slug: str, known: LiveEvent | None, now: datetime) -> LiveEvent | None:
    read_at = time.monotonic()
    found = look_up_event(slug, now=now) or _look_up_without_redis(slug)
    if found is None or found[0].event.slug != slug:
        _readings.pop(slug, None)
        return None
    cached, left = found
    returns, returns_read_at = _returns(cached, left, known, read_at)
    if len(_readings) >= _MOST_EVENTS:
        clear_live_events()
    live = LiveEvent(
        cached=cached,
        left=left,
        returns=returns,
        earlier_start=_earlier_start(cached, known),
        read_at=read_at,
        returns_read_at=returns_read_at,
        body=_body(cached, left, returns, now),
    )
    _readings[slug] = live
    return live


def _look_up_without_redis(slug: str) -> tuple[CachedEvent, Mapping[UUID, int]] | None:
    cached = take_event_named(slug)
    if cached is None or cached.event.status == EventStatus.DRAFT:
        return None
    return cached, left_by_type([cached.event.pk])


def _returns(
    cached: CachedEvent, left: Mapping[UUID, int], known: LiveEvent | None, read_at: float
) -> tuple[Mapping[UUID, datetime], float]:
    sold_out = {kind for kind in cached.types if not left.get(kind)}
    if not sold_out:
        return {}, 0.0
    if (
        known is not None
        and read_at - known.returns_read_at < _RETURNS_FRESH_SECONDS
        and sold_out == {kind for kind in known.cached.types if not known.left.get(kind)}
    ):
        return known.returns, known.returns_read_at
    ends = latest_return_by_type(cached.event.pk)
    return {kind: until for kind, until in ends.items() if kind in sold_out}, read_at


def _earlier_start(cached: CachedEvent, known: LiveEvent | None) -> datetime | None:
    if known is not None and known.cached.event.revision == cached.event.revision:
        return known.earlier_start
    changes = ChangeForBuyers.objects.filter(event=cached.event, before__has_key="starts_at")
    last = changes.order_by("-changed_at", "-pk").first()
    if last is None:
        return None
    start = datetime.fromisoformat(last.before["starts_at"])
    return start if start != cached.event.starts_at else None


def _body(
    cached: CachedEvent,
    left: Mapping[UUID, int],
    returns: Mapping[UUID, datetime],
    now: datetime,
) -> bytes:
    # A hidden type is unknown to everybody without its promo code.
    shown = [kind for kind in cached.types.values() if not kind.is_hidden]
    document = {
        "revision": cached.event.revision,
        "left": {str(kind.pk): left.get(kind.pk, 0) for kind in shown},
        "returns": {
            str(kind.pk): int(returns[kind.pk].timestamp() * 1000)
            for kind in shown
            if kind.pk in returns and returns[kind.pk] > now
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()
