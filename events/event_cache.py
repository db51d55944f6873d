"""
The event cache: each process's copies of events with their ticket types.

A copy may be stale for a moment. A change of an event writes the new revision to Redis; a process
that reads the stock finds the revision there and refreshes its copy. If the revision could not be
written, copies expire within seconds. No sale relies on the cache: the insert of an order names
the revision that the order was priced by.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final
from uuid import UUID

from events.models import Event, TicketType

_EXPIRY_SECONDS: Final = 10.0
# A copy is about as large as the event's description: this is some megabytes at most.
_MOST_EVENTS: Final = 1_000

_cached: dict[UUID, "CachedEvent"] = {}
_id_by_slug: dict[str, UUID] = {}
_lock = Lock()


@dataclass(slots=True)
class CachedEvent:
    """
    An event with its ticket types in their order. All threads share it: do not change it.

    `shown` is its JSON without stock figures, set by the first view that needs it.
    """

    event: Event
    types: dict[UUID, TicketType]
    read_at: float
    shown: Mapping[str, Any] | None = None


def take_event(event_id: UUID, *, revision: int = 0) -> CachedEvent | None:
    """Return an event from the cache, or read it if the copy expired or is below `revision`."""
    found = _cached.get(event_id)
    if (
        found is None
        or time.monotonic() - found.read_at > _EXPIRY_SECONDS
        or found.event.revision < revision
    ):
        return read_event(event_id)
    return found


def take_event_named(reference: str) -> CachedEvent | None:
    """Return the event with that id or slug, from the cache if it is there."""
    try:
        return take_event(UUID(reference))
    except ValueError:
        pass
    known_id = _id_by_slug.get(reference)
    found = take_event(known_id) if known_id else None
    if found is not None and found.event.slug == reference:
        return found
    event = Event.objects.filter(slug=reference).order_by("pk").first()
    return read_event(event.pk) if event else None


def read_event(event_id: UUID) -> CachedEvent | None:
    """Read an event from PostgreSQL into the cache. Return None if it has no ticket types."""
    read_at = time.monotonic()
    kinds = TicketType.objects.filter(event_id=event_id).select_related("event")
    types = {kind.pk: kind for kind in kinds.order_by("number")}
    if not types:
        _cached.pop(event_id, None)
        return None
    event = next(iter(types.values())).event
    for kind in types.values():
        kind.event = event
    # As `prefetch_related` would leave it: `event.ticket_types.all()` makes no query.
    event._prefetched_objects_cache = {"ticket_types": list(types.values())}  # type: ignore[attr-defined]  # noqa: SLF001
    found = CachedEvent(event, types, read_at)
    with _lock:
        if len(_cached) >= _MOST_EVENTS:
            clear_event_cache()
        _cached[event_id] = found
        _id_by_slug[event.slug] = event_id
    return found


def clear_event_cache() -> None:
    """Drop all cached events of this process."""
    _cached.clear()
    _id_by_slug.clear()
