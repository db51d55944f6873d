"""Making the JSON of an event for responses."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from events.catalogue import show_availability, show_recorded_availability
from events.event_cache import CachedEvent
from events.models import Event
from events.serializers import FOR_ORGANIZER, EventShown, sum_up
from ticketing.clock import zone_named


def show_fresh_event(event_id: UUID, *, now: datetime) -> tuple[dict[str, Any], int]:
    """Return an event's JSON for its organizer, from PostgreSQL and Redis, and its revision."""
    event = Event.objects.prefetch_related("ticket_types").get(pk=event_id)
    show_availability([event], now=now)
    return show_event(event, for_organizer=True), event.revision


def show_recorded_event(event_id: UUID) -> tuple[dict[str, Any], int]:
    """
    Return an event's JSON for its organizer, from PostgreSQL alone, and its revision.

    For use inside a transaction, where Redis must not be called.
    """
    event = Event.objects.prefetch_related("ticket_types").get(pk=event_id)
    show_recorded_availability([event])
    return show_event(event, for_organizer=True), event.revision


def show_event(event: Event, *, for_organizer: bool = False) -> dict[str, Any]:
    """
    Return an event's JSON, with times in the event's own time zone.

    `events.catalogue.show_availability` must have set `available` on each of its ticket types.
    """
    zone = zone_named(event.timezone)
    moments = (
        "starts_at",
        "ends_at",
        "sales_start_at",
        "sales_end_at",
        "checkin_starts_at",
        "checkin_ends_at",
    )
    serializer = _serializer(for_organizer=for_organizer)
    shown: dict[str, Any] = dict(serializer.to_representation(event))
    for name in moments:
        moment = getattr(event, name)
        shown[name] = moment.astimezone(zone).isoformat() if moment else None
    return shown


def show_event_with(cached: CachedEvent, left: Mapping[UUID, int]) -> dict[str, Any]:
    """Return the public JSON of a cached event, with `left` tickets by ticket type."""
    if cached.shown is None:
        # Placeholders: the serializer needs the attribute, and each response replaces it below.
        for kind in cached.types.values():
            vars(kind).update(available=0)
        cached.shown = show_event(cached.event)
    visible = [kind.pk for kind in cached.types.values() if not kind.is_hidden]
    kinds = [
        {**shown, "available": left[kind_id]}
        for kind_id, shown in zip(visible, cached.shown["ticket_types"], strict=True)
    ]
    return {**cached.shown, **sum_up(kinds), "ticket_types": kinds}


@cache
def _serializer(*, for_organizer: bool) -> EventShown:
    # Cached: making a serializer costs as much as serializing ten events.
    return EventShown(context={FOR_ORGANIZER: for_organizer})
