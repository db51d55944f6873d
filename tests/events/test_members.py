"""Members change role and leave, and an organizer always has an owner."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import OperationalError, connection

from events.invitations import OfferedMembership, invite_member, open_invitations
from events.members import LastOwner, change_member, remove_member
from events.models import Event, Invitation, Membership, Organizer, Role
from tests.make import SOMEBODY, make_event, make_organizer, make_user
from tests.moments import NOON
from tests.race import locked
from ticketing import clock
from ticketing.models import Act, User

pytestmark = pytest.mark.django_db(transaction=True)


def make_member(organizer: Organizer, role: Role) -> Membership:
    user = make_user(organizer=organizer, role=role, is_staff=True)
    return Membership.objects.get(user=user)


def change(membership: Membership, role: Role, *events: Event) -> None:
    change_member(
        membership_id=membership.pk,
        role=role,
        only_some_events=bool(events),
        event_ids=[event.pk for event in events],
        actor=SOMEBODY,
        now=clock.now(),
    )
    membership.refresh_from_db()


def remove(membership: Membership) -> None:
    remove_member(membership_id=membership.pk, actor=SOMEBODY, now=clock.now())


def test_a_member_gets_another_role_at_events_of_the_organizer_alone():
    event, foreign = make_event(), make_event()
    member = make_member(event.organizer, Role.VIEWER)

    change(member, Role.MANAGER, event, foreign)

    assert (member.role, member.only_some_events) == (Role.MANAGER, True)
    assert list(member.events.all()) == [event]
    act = Act.objects.get(type="organizer.member_changed")
    assert (act.subject_id, act.details) == (
        event.organizer_id,
        {"user": member.user_id, "role": "manager"},
    )


def test_a_limited_member_who_becomes_an_owner_has_all_events():
    event = make_event()
    member = make_member(event.organizer, Role.VIEWER)
    change(member, Role.VIEWER, event)

    change(member, Role.OWNER, event)

    assert (member.only_some_events, member.events.count()) == (False, 0)


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
@pytest.mark.parametrize("act", [remove, lambda owner: change(owner, Role.MANAGER)])
def test_the_last_owner_stays_owner(act: Callable[[Membership], None], lost: str):
    organizer = make_organizer()
    owner, gone = make_member(organizer, Role.OWNER), make_member(organizer, Role.OWNER)
    # Who cannot sign in any more does not count, nor does an owner of another organizer.
    User.objects.filter(pk=gone.user_id).update(**{lost: False})
    make_member(organizer, Role.MANAGER)
    make_member(make_organizer(), Role.OWNER)

    with pytest.raises(LastOwner):
        act(owner)

    owner.refresh_from_db()
    assert owner.role == Role.OWNER
    assert not Act.objects.exists()


def test_a_removed_member_keeps_the_account_and_other_memberships():
    organizer = make_organizer()
    make_member(organizer, Role.OWNER)
    member = make_member(organizer, Role.OWNER)
    elsewhere = Membership.objects.create(
        organizer=make_organizer(), user=member.user, role=Role.VIEWER
    )

    remove(member)

    assert list(Membership.objects.filter(user=elsewhere.user)) == [elsewhere]
    assert Act.objects.get(type="organizer.member_removed").subject_id == organizer.pk


def test_a_member_is_changed_and_removed_under_the_lock_of_the_organizer():
    organizer = make_organizer()
    make_member(organizer, Role.OWNER)
    member = make_member(organizer, Role.VIEWER)

    for act in (remove, lambda each: change(each, Role.MANAGER)):
        with locked(organizer), pytest.raises(OperationalError, match="lock timeout"):
            act(member)

    change(member, Role.MANAGER)


def test_two_owners_who_remove_each_other_at_once_leave_one():
    organizer = make_organizer()
    owners = [make_member(organizer, Role.OWNER) for _ in range(2)]
    start, refused = Barrier(2), []

    def remove_one(owner: Membership) -> None:
        start.wait()
        try:
            remove(owner)
        except LastOwner:
            refused.append(owner)
        finally:
            connection.close()

    threads = [Thread(target=remove_one, args=[owner]) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert list(Membership.objects.filter(organizer=organizer)) == refused


def invite(owner: Membership, email: str) -> Invitation:
    return invite_member(
        organizer_id=owner.organizer_id,
        email=email,
        offered=OfferedMembership(role=Role.OWNER),
        language="en",
        inviter=owner.user,
        now=clock.now(),
    )


@pytest.mark.parametrize("end", [remove, lambda owner: change(owner, Role.MANAGER)])
def test_a_former_owner_does_not_come_back_by_an_invitation(end: Callable[[Membership], None]):
    organizer = make_organizer()
    former, present = (make_member(organizer, Role.OWNER) for _ in range(2))
    own, other = invite(former, "former@example.com"), invite(present, "other@example.com")

    end(former)

    assert list(open_invitations()) == [other]
    act = Act.objects.get(type="organizer.invitation_withdrawn")
    assert act.details == {"invitation": str(own.pk), "role": "owner"}


def test_invitations_elsewhere_and_those_that_have_ended_stay_as_they_are():
    former = make_member(make_organizer(), Role.OWNER)
    make_member(former.organizer, Role.OWNER)
    elsewhere = Membership.objects.create(
        organizer=make_organizer(), user=former.user, role=Role.OWNER
    )
    accepted, withdrawn, open_one, other = (
        invite(owner, f"{number}@example.com")
        for number, owner in enumerate([former, former, former, elsewhere])
    )
    Invitation.objects.filter(pk=accepted.pk).update(accepted_at=NOON)
    Invitation.objects.filter(pk=withdrawn.pk).update(withdrawn_at=NOON)

    with locked(open_one):
        remove(former)

    # Another person accepts the invitation at the same moment.
    assert set(open_invitations()) == {open_one, other}
    rows = Invitation.objects.filter(pk__in=[accepted.pk, withdrawn.pk])
    ends = {row.pk: (row.accepted_at, row.withdrawn_at) for row in rows}
    assert ends == {accepted.pk: (NOON, None), withdrawn.pk: (None, NOON)}
    assert not Act.objects.filter(type="organizer.invitation_withdrawn").exists()


def test_an_owner_who_stays_one_keeps_the_invitations():
    owner = make_member(make_organizer(), Role.OWNER)
    invitation = invite(owner, "bia@example.com")

    change(owner, Role.OWNER)

    assert list(open_invitations()) == [invitation]
