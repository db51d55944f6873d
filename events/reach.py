"""What a user may do, and for which events: read once for a page that asks often."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from events.models import Event, Role
from events.roles import RIGHTS, Right
from events.second_factor import memberships_in_force
from ticketing.models import User
from ticketing.staff import is_staff_now


@dataclass(frozen=True, slots=True)
class Reach:
    """
    For each right, the organizers at whose every event a user has it, and events beside them.

    `events.access.within_rights` allows the same rows. It asks for the memberships within each
    query, which PostgreSQL plans worse than the ids themselves.
    """

    is_unlimited: bool = False
    organizers: Mapping[Right, frozenset[UUID]] = field(default_factory=dict)
    events: Mapping[Right, frozenset[UUID]] = field(default_factory=dict)

    def has_somewhere(self, right: Right) -> bool:
        """Return whether the user has `right` for an organizer, or for some of its events."""
        return self.is_unlimited or right in self.organizers or right in self.events

    def has_everywhere(self, right: Right) -> bool:
        """Return whether the user has `right` at every event of an organizer."""
        return self.is_unlimited or right in self.organizers

    def covers(self, event: Event, right: Right) -> bool:
        """Return whether the user has `right` for an event."""
        return (
            self.is_unlimited
            or event.organizer_id in self.organizers.get(right, ())
            or event.pk in self.events.get(right, ())
        )

    def events_with(self, right: Right) -> QuerySet[Event]:
        """Return the events for which the user has `right`."""
        return self.within(Event.objects.all(), right, organizer_path="organizer", event_path="pk")

    def within(
        self, rows: QuerySet[Any], right: Right, *, organizer_path: str, event_path: str | None
    ) -> QuerySet[Any]:
        """
        Return those of `rows` for which the user has `right`.

        :param organizer_path, event_path: as of `events.access.within_rights`
        """
        if self.is_unlimited:
            return rows
        own = Q(**{f"{organizer_path}__in": self.organizers.get(right, ())})
        if event_path is not None and (events := self.events.get(right)):
            own |= Q(**{f"{event_path}__in": events})
        return rows.filter(own)


def read_reach(user: User | AnonymousUser) -> Reach:
    """Read a user's memberships. A user who is not staff reaches nothing."""
    if not is_staff_now(user):
        return Reach()
    if user.is_superuser:
        return Reach(is_unlimited=True)
    organizers, events = defaultdict[Right, set[UUID]](set), defaultdict[Right, set[UUID]](set)
    memberships = memberships_in_force(user).values_list(
        "role", "organizer_id", "only_some_events", "events", "events__organizer"
    )
    for role, organizer, is_limited, event, its_organizer in memberships:
        for right in RIGHTS[Role(role)]:
            if not is_limited:
                organizers[right].add(organizer)
            elif its_organizer == organizer:
                events[right].add(event)
    return Reach(
        organizers={right: frozenset(ids) for right, ids in organizers.items()},
        events={right: frozenset(ids) for right, ids in events.items()},
    )
