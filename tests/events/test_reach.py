"""What a page reads of a user's rights is what each query of the admin allows."""

import pytest
from django.contrib.auth.models import AnonymousUser

from events.access import has_right_somewhere, organizers_of, within_rights
from events.models import Event, Membership, Organizer, Role
from events.reach import read_reach
from events.roles import Right
from tests.make import make_event, make_organizer, make_user
from ticketing import clock

pytestmark = pytest.mark.django_db


def test_a_member_reaches_what_the_roles_allow():
    home, other, foreign = (make_organizer(name=name) for name in ("Home", "Other", "Foreign"))
    chosen = make_event(organizer=other)
    events = [chosen, *(make_event(organizer=owner) for owner in (home, other, foreign))]
    user = make_user(organizer=home, role=Role.FINANCE, is_staff=True)
    limited = Membership.objects.create(
        user=user, organizer=other, role=Role.DOOR, only_some_events=True
    )
    # The second is of another organizer than the membership: it gives no right.
    limited.events.set([chosen, events[-1]])

    reach = read_reach(user)

    for right in Right:
        allowed = within_rights(
            Event.objects.all(), user, right, organizer_path="organizer", event_path="pk"
        )
        assert set(reach.events_with(right)) == set(allowed), right
        assert {event for event in events if reach.covers(event, right)} == set(allowed), right
        assert reach.has_somewhere(right) == has_right_somewhere(user, right), right
        assert reach.has_everywhere(right) == organizers_of(user, right).exists(), right


def test_a_member_without_the_second_factor_that_an_organizer_requires_reaches_none_of_it():
    strict = make_organizer()
    Organizer.objects.filter(pk=strict.pk).update(requires_second_factor=True)
    event, own = make_event(organizer=strict), make_event()
    user = make_user(organizer=own.organizer, is_staff=True)
    Membership.objects.create(user=user, organizer=strict, role=Role.OWNER)

    assert list(read_reach(user).events_with(Right.REFUND)) == [own]
    user.second_factor_since = clock.now()
    assert set(read_reach(user).events_with(Right.REFUND)) == {event, own}


def test_a_superuser_reaches_everything_and_others_nothing():
    event = make_event()
    superuser, member = make_user(is_staff=True, is_superuser=True), make_user()

    assert list(read_reach(superuser).events_with(Right.REFUND)) == [event]
    for nobody in (member, AnonymousUser()):
        assert not read_reach(nobody).events_with(Right.SEE_EVENTS).exists()
        assert not read_reach(nobody).has_somewhere(Right.SEE_EVENTS)
