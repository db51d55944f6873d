"""Texts about events for the admin's pages, in the active language."""

from django.utils import formats

from events.models import Event
from ticketing.clock import zone_named


def show_when(event: Event) -> str:
    """Return the day and hour at which an event starts, in its own time zone."""
    local = event.starts_at.astimezone(zone_named(event.timezone))
    return formats.date_format(local, "SHORT_DATE_FORMAT") + f" {local:%H:%M}"
