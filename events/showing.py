"""What everybody is shown of an event."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from events.catalogue import show_availability, show_recorded_availability
from events.event_cache import CachedEvent
from events.models import Event
from events.serializers import FOR_ORGANIZER, EventShown
from ticketing.clock import zone_named


def show_fresh_event(event_id: UUID, *, now: datetime) -> tuple[dict[str, Any], int]:
    """Return what its organizer is shown of an event as it is now, and its revision."""
    event = Event.objects.prefetch_related("ticket_types").get(pk=event_id)
    show_availability([event], now=now)
    return show_event(event, for_organizer=True), event.revision


def show_recorded_event(event_id: UUID) -> tuple[dict[str, Any], int]:
    """Return the same inside a transaction, where nobody asks Redis."""
    event = Event.objects.prefetch_related("ticket_types").get(pk=event_id)
    show_recorded_availability([event])
    return show_event(event, for_organizer=True), event.revision


def show_event(event: Event, *, for_organizer: bool = False) -> dict[str, Any]:
    """Return what is shown of an event on which its availability is noted."""
    zone = zone_named(event.timezone)
    moments = (
        "starts_at",
        "ends_at",
        "sales_start_at",
        "sales_end_at",
        "checkin_starts_at",
        "checkin_ends_at",
    )
    shown: dict[str, Any] = dict(_shape(for_organizer=for_organizer).to_representation(event))
    for name in moments:
        moment = getattr(event, name)
        shown[name] = moment.astimezone(zone).isoformat() if moment else None
    return shown


def show_event_with(cached: CachedEvent, left: Mapping[UUID, int]) -> dict[str, Any]:
    """Return what is shown of an event that is remembered, with what is left of it now."""
    if cached.shown is None:
        # What is left comes from elsewhere, each time.
        for asked in (cached.event, *cached.types.values()):
            vars(asked).update(available=0, sold_out=False)
        cached.shown = show_event(cached.event)
    total = sum(left.values())
    kinds = [
        {**shown, "available": left[kind]}
        for kind, shown in zip(cached.types, cached.shown["ticket_types"], strict=True)
    ]
    return {
        **cached.shown,
        "available": total,
        "sold_out": bool(kinds) and not total,
        "ticket_types": kinds,
    }


@cache
def _shape(*, for_organizer: bool) -> EventShown:
    # To make one costs as much as to show ten events with it.
    return EventShown(context={FOR_ORGANIZER: for_organizer})
