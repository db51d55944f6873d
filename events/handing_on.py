"""Whether the tickets of an event may go to other people than those who bought them."""

from datetime import datetime

from events.models import Event, EventStatus


def may_be_transferred(event: Event, *, now: datetime) -> bool:
    """Say whether tickets of an event may be handed on now."""
    return event.allows_transfers and event.status == EventStatus.PUBLISHED and now < event.ends_at
