"""Whether a user may export data of an organizer or of one of its events."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser

from events.access import organizers_of, within_rights
from events.models import Event
from events.roles import Right
from ticketing.models import User


def may_export(user: User | AnonymousUser, *, organizer_id: UUID, event_id: UUID | None) -> bool:
    """
    Return whether the user may export data of an event, or of all events if `event_id` is None.

    A member who is limited to some events may export only those, one at a time.
    """
    if event_id is None:
        return organizers_of(user, Right.EXPORT).filter(pk=organizer_id).exists()
    return within_rights(
        Event.objects.filter(pk=event_id, organizer_id=organizer_id),
        user,
        Right.EXPORT,
        organizer_path="organizer",
        event_path="pk",
    ).exists()
