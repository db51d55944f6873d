"""Each member has the rights of a role, at all events or at some."""

import pytest
from django.db import IntegrityError
from django.db.models import QuerySet

from events.access import has_right_somewhere, organizers_of, seen_organizers, within_rights
from events.models import Event, Membership, Role
from events.roles import RIGHT_OF_SCOPE, RIGHTS, Right
from orders.models import Order
from tests.make import make_event, make_organizer, make_reserved_order, make_user
from ticketing.models import User

pytestmark = pytest.mark.django_db

WRITING = {Right.CHANGE_EVENTS, Right.CHANGE_ORDERS, Right.CHANGE_ORGANIZER}


def events_within(user: User, right: Right) -> QuerySet[Event]:
    rows = Event.objects.all()
    return within_rights(rows, user, right, organizer_path="organizer", event_path="pk")


@pytest.mark.parametrize("role", list(Role))
def test_a_member_has_the_rights_of_the_role_and_no_others(role: Role) -> None:
    organizer = make_organizer()
    user = make_user(organizer=organizer, role=role, is_staff=True)
    having = {right for right in Right if organizers_of(user, right).filter(pk=organizer.pk)}
    assert having == RIGHTS[role]
    assert {right for right in Right if has_right_somewhere(user, right)} == RIGHTS[role]


def test_only_owners_and_managers_change_anything() -> None:
    changing = {role for role, rights in RIGHTS.items() if rights & WRITING}
    assert changing == {Role.OWNER, Role.MANAGER}
    assert [role for role in Role if Right.CHANGE_ORGANIZER in RIGHTS[role]] == [Role.OWNER]


def test_each_scope_of_a_token_needs_a_right_of_a_session() -> None:
    assert len(RIGHT_OF_SCOPE) == len({*RIGHT_OF_SCOPE})
    assert set(RIGHT_OF_SCOPE.values()) <= set(Right)


def test_a_limited_member_has_the_rights_of_the_role_at_the_chosen_events_alone() -> None:
    organizer = make_organizer()
    ours, other = make_event(organizer=organizer), make_event(organizer=organizer)
    make_event()
    user = make_user(organizer=organizer, role=Role.MANAGER, is_staff=True)
    membership = Membership.objects.get(user=user)
    membership.only_some_events = True
    membership.save()
    membership.events.add(ours)
    orders = [make_reserved_order(ticket_type=event.ticket_types.get()) for event in (ours, other)]

    assert list(events_within(user, Right.CHANGE_EVENTS)) == [ours]
    assert not events_within(user, Right.CHANGE_ORGANIZER)
    seen = within_rights(
        Order.objects.all(),
        user,
        Right.SEE_ORDERS,
        organizer_path="event__organizer",
        event_path="event",
    )
    assert list(seen) == orders[:1]
    # Nothing that belongs to the organizer as a whole, but for its name.
    assert not organizers_of(user, Right.SEE_EVENTS)
    assert list(seen_organizers(user)) == [organizer]


def test_a_limited_member_without_chosen_events_sees_none() -> None:
    event = make_event()
    user = make_user(organizer=event.organizer, role=Role.VIEWER, is_staff=True)
    Membership.objects.filter(user=user).update(only_some_events=True)
    assert not events_within(user, Right.SEE_EVENTS)


def test_a_chosen_event_of_another_organizer_gives_no_right() -> None:
    event, foreign = make_event(), make_event()
    user = make_user(organizer=event.organizer, role=Role.VIEWER, is_staff=True)
    membership = Membership.objects.get(user=user)
    membership.only_some_events = True
    membership.save()
    membership.events.add(foreign)
    assert not events_within(user, Right.SEE_EVENTS)


def test_a_role_at_one_organizer_gives_no_right_at_another() -> None:
    ours, theirs = make_event(), make_event()
    user = make_user(organizer=ours.organizer, role=Role.OWNER, is_staff=True)
    Membership.objects.create(organizer=theirs.organizer, user=user, role=Role.VIEWER)
    assert set(events_within(user, Right.SEE_EVENTS)) == {ours, theirs}
    assert list(events_within(user, Right.CHANGE_EVENTS)) == [ours]


def test_a_member_who_is_not_staff_any_more_has_no_right() -> None:
    event = make_event()
    user = make_user(organizer=event.organizer, role=Role.OWNER, is_staff=False)
    assert not events_within(user, Right.SEE_EVENTS)
    assert not has_right_somewhere(user, Right.SEE_EVENTS)
    assert not seen_organizers(user)


def test_the_database_refuses_an_owner_who_is_limited_to_some_events() -> None:
    organizer = make_organizer()
    with pytest.raises(IntegrityError, match="owner_has_all_events"):
        Membership.objects.create(
            organizer=organizer, user=make_user(), role=Role.OWNER, only_some_events=True
        )


def test_the_database_refuses_an_unknown_role() -> None:
    with pytest.raises(IntegrityError, match="role_is_known"):
        Membership.objects.create(organizer=make_organizer(), user=make_user(), role="boss")
