"""The events that a door device works for now."""

from datetime import datetime
from typing import Final

from events.models import Event, EventStatus
from tickets.codes import GRACE_AFTER_THE_END
from tickets.models import Device

# More than one door has at a time, few enough for a request every few seconds.
MOST_EVENTS: Final = 20


def events_of_device(device: Device, *, now: datetime) -> list[Event]:
    """
    Return the device's next events, `MOST_EVENTS` at most, with their ticket types.

    An event is left out once its codes have expired, some hours after its end.
    """
    # The statuses are named, so that PostgreSQL can use an index that begins with them.
    events = Event.objects.filter(
        organizer_id=device.organizer_id,
        status__in=[EventStatus.PUBLISHED, EventStatus.CANCELLED],
        ends_at__gt=now - GRACE_AFTER_THE_END,
    )
    if not device.all_events:
        events = events.filter(devices=device)
    return list(events.order_by("starts_at", "pk").prefetch_related("ticket_types")[:MOST_EVENTS])
