"""
What buyers ask of an event again and again, remembered for a moment.

What stands here may be old, but not for long: an organizer's change is told to Redis, which tells
whoever asks it what is left; and where that fails, nothing is remembered for longer than seconds.
No sale relies on it: the insert of an order names the revision that it was priced by.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final
from uuid import UUID

from events.models import Event, TicketType

_SECONDS: Final = 10.0
# Of the size of a description each: some megabytes at the most.
_MOST_EVENTS: Final = 1_000

_cached: dict[UUID, "CachedEvent"] = {}
_ids: dict[str, UUID] = {}
_lock = Lock()


@dataclass(slots=True)
class CachedEvent:
    """
    An event with its ticket types in their order, shared by all threads: nobody may change it.

    `shown` is what a view has made of it, so that it need not be made again.
    """

    event: Event
    types: dict[UUID, TicketType]
    read_at: float
    shown: Mapping[str, Any] | None = None


def take_event(event_id: UUID, *, revision: int = 0) -> CachedEvent | None:
    """Return an event as it was a moment ago, in that revision or a newer one."""
    found = _cached.get(event_id)
    if (
        found is None
        or time.monotonic() - found.read_at > _SECONDS
        or found.event.revision < revision
    ):
        return read_event(event_id)
    return found


def take_event_named(reference: str) -> CachedEvent | None:
    """Return the event of that id or slug, as it was a moment ago."""
    try:
        return take_event(UUID(reference))
    except ValueError:
        pass
    known = _ids.get(reference)
    found = take_event(known) if known else None
    if found is not None and found.event.slug == reference:
        return found
    event = Event.objects.filter(slug=reference).order_by("pk").first()
    return read_event(event.pk) if event else None


def read_event(event_id: UUID) -> CachedEvent | None:
    """Return an event as it is now, and remember it. One that has nothing to sell is not found."""
    read_at = time.monotonic()
    kinds = TicketType.objects.filter(event_id=event_id).select_related("event")
    types = {kind.pk: kind for kind in kinds.order_by("number")}
    if not types:
        _cached.pop(event_id, None)
        return None
    event = next(iter(types.values())).event
    for kind in types.values():
        kind.event = event
    # As `prefetch_related` would leave it: who goes through the types asks nobody.
    event._prefetched_objects_cache = {"ticket_types": list(types.values())}  # type: ignore[attr-defined]  # noqa: SLF001
    found = CachedEvent(event, types, read_at)
    with _lock:
        if len(_cached) >= _MOST_EVENTS:
            clear_event_cache()
        _cached[event_id] = found
        _ids[event.slug] = event_id
    return found


def clear_event_cache() -> None:
    """Forget all events."""
    _cached.clear()
    _ids.clear()
