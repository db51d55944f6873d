"""The admin of events, and what every app's admin is built on."""

from events.admin.events import EventAdmin
from events.admin.organizers import OrganizerAdmin
from events.admin.tokens import ApiTokenAdmin

__all__ = ["ApiTokenAdmin", "EventAdmin", "OrganizerAdmin"]
