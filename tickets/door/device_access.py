"""Which door devices a user may manage, and for which events."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet

from events.access import chosen_events, organizers_of
from events.roles import Right
from ticketing.models import User
from ticketing.staff import is_staff_now
from tickets.models import Device


def devices_of(
    rows: QuerySet[Any], user: User | AnonymousUser, right: Right = Right.RUN_DOOR
) -> QuerySet[Any]:
    """
    Return those of `rows` (devices) for which `user` has `right`.

    A member who is limited to some events has the devices that scan at these events and at no
    others: a device reads the tickets of all its events.
    """
    if not is_staff_now(user):
        return rows.none()
    if user.is_superuser:
        return rows
    chosen = chosen_events(user, right)
    links = Device.events.through.objects.filter(device_id=OuterRef("pk"))
    of_chosen_events = (
        Q(all_events=False)
        & Exists(links.filter(event__in=chosen))
        & ~Exists(links.exclude(event__in=chosen))
    )
    return rows.filter(Q(organizer__in=organizers_of(user, right)) | of_chosen_events)
