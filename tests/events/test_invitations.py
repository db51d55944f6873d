"""A mailed link makes one person a member, once, and tells nobody which addresses have accounts."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError

from events.invitations import (
    LASTS,
    MOST_OPEN,
    AccountExists,
    AlreadyMember,
    InvitationNotOpen,
    InvitedOther,
    OfferedMembership,
    TooManyInvitations,
    accept_with_account,
    accept_with_new_account,
    find_invitation,
    forget_invitations,
    invitation_token,
    invitations_to_send,
    invite_member,
    send_invitation,
    withdraw_invitation,
)
from events.models import Event, Invitation, Membership, Organizer, Role
from tests.make import SOMEBODY, make_event, make_organizer, make_user
from tests.queue import RecordingQueue
from tests.race import locked
from ticketing import clock
from ticketing.mail_limit import TooManyMails
from ticketing.models import Act, User
from ticketing.queue.messages import Message
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
PASSWORD = "correct horse battery staple"


def invite(
    organizer: Organizer, email: str = "bia@example.com", *events: Event, **fields: Any
) -> Invitation:
    return invite_member(
        organizer_id=organizer.pk,
        email=email,
        offered=OfferedMembership(
            role=fields.get("role", Role.MANAGER),
            only_some_events=bool(events),
            event_ids=[event.pk for event in events],
        ),
        language=fields.get("language", "en"),
        inviter=fields.get("inviter") or make_user(organizer=organizer, first_name="Ana"),
        now=fields.get("now") or clock.now(),
    )


def accept(invitation: Invitation, **fields: Any) -> User:
    return accept_with_new_account(
        invitation=invitation,
        first_name="Bia",
        last_name="Lima",
        password=PASSWORD,
        now=fields.get("now") or clock.now(),
    )


def test_the_mail_has_a_link_and_says_who_invites_to_which_role():
    organizer = make_organizer(name="Casa Azul")
    Organizer.objects.filter(pk=organizer.pk).update(email="casa@example.com")
    invitation = invite(organizer)

    send_invitation(invitation_id=invitation.pk, now=clock.now())
    send_invitation(invitation_id=invitation.pk, now=clock.now())

    (sent,) = mail.outbox
    assert sent.to == ["bia@example.com"]
    assert sent.subject == "Casa Azul invites you to its team"
    assert sent.from_email == "Casa Azul via Bilheteria <ingressos@example.com>"
    assert sent.reply_to == ["Casa Azul <casa@example.com>"]
    assert "Ana invites you to the team of Casa Azul. Your role: manager." in sent.body
    (link,) = re.findall(
        r"/admin/invitations/([0-9a-f-]{36})/\?token=(inv_[0-9a-f]{64})", str(sent.body)
    )
    assert link == (str(invitation.pk), invitation_token(invitation))
    invitation.refresh_from_db()
    assert invitation.sent_at is not None


def test_the_mail_is_in_the_language_of_the_user_who_invites():
    invitation = invite(make_organizer(name="Casa Azul"), language="pt-br")

    send_invitation(invitation_id=invitation.pk, now=clock.now())

    assert "Ana convida você para a equipe de Casa Azul." in mail.outbox[0].body


def test_an_invited_person_gets_an_account_with_the_role_at_the_events():
    event, foreign = make_event(), make_event()
    make_event(organizer=event.organizer)
    invitation = invite(event.organizer, "bia@example.com", event, foreign, role=Role.DOOR)
    assert list(invitation.events.all()) == [event]

    user = accept(invitation)

    membership = Membership.objects.get(user=user)
    assert (user.username, user.email, str(user)) == (
        "bia@example.com",
        "bia@example.com",
        "Bia Lima",
    )
    assert user.check_password(PASSWORD)
    assert (user.is_staff, user.is_superuser) == (True, False)
    assert (membership.organizer, membership.role) == (event.organizer, Role.DOOR)
    assert list(membership.events.all()) == [event]
    acts = Act.objects.filter(subject_id=event.organizer_id).order_by("at", "id")
    assert list(acts.values_list("type", "details")) == [
        ("organizer.member_invited", {"invitation": str(invitation.pk), "role": "door"}),
        ("organizer.member_joined", {"user": user.pk, "role": "door"}),
    ]
    # No address of a person is in the record of acts.
    assert not any("bia" in str(act.details) for act in Act.objects.all())


@pytest.mark.parametrize("role", [Role.OWNER, Role.MANAGER])
def test_an_owner_is_never_limited_to_some_events_nor_is_who_was_not_limited(role: Role):
    event = make_event()
    chosen = [event] if role == Role.OWNER else []

    invitation = invite(event.organizer, "bia@example.com", *chosen, role=role)

    assert not invitation.only_some_events
    assert not invitation.events.exists()
    assert OfferedMembership(role) == OfferedMembership(role, only_some_events=False)


def test_an_invitation_is_accepted_once():
    invitation = invite(make_organizer())
    accept(invitation)

    with pytest.raises(InvitationNotOpen):
        find_invitation(
            invitation_id=invitation.pk, token=invitation_token(invitation), now=clock.now()
        )
    User.objects.all().delete()
    with pytest.raises(InvitationNotOpen):
        accept(invitation)
    assert not User.objects.exists()


@pytest.mark.parametrize("token", ["", "inv_", "x", "inv_" + "0" * 64, "é", "\x00", "\ud800"])
def test_a_wrong_token_finds_no_invitation(token: str):
    invitation = invite(make_organizer())

    with pytest.raises(InvitationNotOpen):
        find_invitation(invitation_id=invitation.pk, token=token, now=clock.now())


def test_an_invitation_ends_after_seven_days_and_is_deleted_a_month_later():
    invitation = invite(make_organizer())
    token, ends = invitation_token(invitation), invitation.expires_at
    assert timedelta(days=7) == LASTS

    last = ends - timedelta(seconds=1)
    assert find_invitation(invitation_id=invitation.pk, token=token, now=last) == invitation
    with pytest.raises(InvitationNotOpen):
        find_invitation(invitation_id=invitation.pk, token=token, now=ends)
    with pytest.raises(InvitationNotOpen):
        accept(invitation, now=ends)

    forget_invitations(now=ends + timedelta(days=30))
    assert Invitation.objects.count() == 1
    forget_invitations(now=ends + timedelta(days=31))
    assert not Invitation.objects.exists()


def test_a_withdrawn_invitation_opens_nothing():
    organizer = make_organizer()
    invitation, other = invite(organizer), invite(organizer, "caio@example.com")

    for _ in range(2):
        withdraw_invitation(invitation_id=invitation.pk, actor=SOMEBODY, now=clock.now())
        assert Act.objects.filter(type="organizer.invitation_withdrawn").count() == 1

    with pytest.raises(InvitationNotOpen):
        accept(invitation)
    other.refresh_from_db()
    assert (other.withdrawn_at, other.accepted_at) == (None, None)
    send_invitation(invitation_id=invitation.pk, now=clock.now())
    assert mail.outbox == []


def test_an_accepted_invitation_cannot_be_withdrawn():
    invitation = invite(make_organizer())
    accept(invitation)

    with pytest.raises(InvitationNotOpen):
        withdraw_invitation(invitation_id=invitation.pk, actor=SOMEBODY, now=clock.now())

    assert not Act.objects.filter(type="organizer.invitation_withdrawn").exists()


def test_an_expired_invitation_is_not_mailed_and_another_one_waits_for_its_own_message():
    organizer = make_organizer()
    invitation, other = invite(organizer), invite(organizer, "caio@example.com")

    send_invitation(invitation_id=invitation.pk, now=invitation.expires_at)
    assert mail.outbox == []
    send_invitation(invitation_id=invitation.pk, now=clock.now())
    send_invitation(invitation_id=other.pk, now=clock.now())

    assert [sent.to for sent in mail.outbox] == [["bia@example.com"], ["caio@example.com"]]


def test_a_person_with_an_account_signs_in_to_accept():
    organizer = make_organizer()
    invitation = invite(organizer, "Bia@Example.com")
    bia = make_user(email="bia@example.com", is_staff=True)
    other = make_user(email="caio@example.com", is_staff=True)

    with pytest.raises(AccountExists):
        accept(invitation)
    with pytest.raises(InvitedOther):
        accept_with_account(invitation=invitation, user=other, now=clock.now())
    accept_with_account(invitation=invitation, user=bia, now=clock.now())

    assert Membership.objects.get(user=bia).role == Role.MANAGER
    assert not Membership.objects.filter(user=other).exists()


def test_an_invitation_does_not_change_the_role_of_a_member():
    organizer = make_organizer()
    invitation = invite(organizer, role=Role.OWNER)
    viewer = make_user(
        organizer=organizer, role=Role.VIEWER, email="bia@example.com", is_staff=True
    )

    with pytest.raises(AlreadyMember):
        accept_with_account(invitation=invitation, user=viewer, now=clock.now())
    with pytest.raises(AlreadyMember):
        invite(organizer, "BIA@example.com")

    assert Membership.objects.get(user=viewer).role == Role.VIEWER


def test_who_accepts_at_the_moment_of_a_second_invitation_is_not_invited_again():
    organizer, owner = make_organizer(), make_user()
    invitation = invite(organizer, inviter=owner)

    with locked(invitation), pytest.raises(OperationalError, match="lock timeout"):
        invite(organizer, inviter=owner)


def test_invitations_of_one_organizer_wait_for_each_other():
    organizer, owner = make_organizer(), make_user()

    with locked(organizer), pytest.raises(OperationalError, match="lock timeout"):
        invite(organizer, inviter=owner)


def test_a_second_invitation_to_an_address_renews_the_first():
    organizer = make_organizer()
    first = invite(organizer)
    send_invitation(invitation_id=first.pk, now=clock.now())

    second = invite(organizer, "BIA@example.com", role=Role.VIEWER)
    send_invitation(invitation_id=second.pk, now=clock.now())

    assert (second.pk, second.role) == (first.pk, Role.VIEWER)
    assert len(mail.outbox) == 2


def test_an_organizer_has_a_limited_number_of_open_invitations(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 0
    organizer, owner, now = make_organizer(), make_user(), clock.now()
    for number in range(MOST_OPEN):
        invite(organizer, f"bia{number}@example.com", inviter=owner, now=now)

    with pytest.raises(TooManyInvitations):
        invite(organizer, "caio@example.com", inviter=owner)
    # Renewing one is no further invitation. Another organizer has a limit of its own.
    invite(organizer, "bia0@example.com", inviter=owner)
    invite(make_organizer(), "caio@example.com", inviter=owner)

    withdraw_invitation(
        invitation_id=Invitation.objects.get(organizer=organizer, email="bia1@example.com").pk,
        actor=SOMEBODY,
        now=clock.now(),
    )
    invite(organizer, "caio@example.com", inviter=owner, now=now)
    with pytest.raises(TooManyInvitations):
        invite(organizer, "dani@example.com", inviter=owner, now=now + LASTS - SECOND)
    invite(organizer, "dani@example.com", inviter=owner, now=now + LASTS)


def test_an_address_gets_a_limited_number_of_invitations_in_an_hour(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 2
    for _ in range(2):
        invite(make_organizer())

    with pytest.raises(TooManyMails):
        invite(make_organizer())

    assert Invitation.objects.count() == 2


def test_an_invitation_is_mailed_by_its_message_or_by_the_sweep_until_it_failed_or_ended(
    queue: RecordingQueue,
):
    organizer, owner = make_organizer(), make_user()
    invitation = invite(organizer, inviter=owner)
    refused = invite(organizer, "caio@example.com", inviter=owner)
    Invitation.objects.filter(pk=refused.pk).update(failed_at=clock.now())

    assert queue.sent[0] == (Message.SEND_INVITATION, {"invitation_id": str(invitation.pk)})
    ends = invitation.expires_at
    assert list(invitations_to_send(now=ends - SECOND)) == [invitation]
    assert not invitations_to_send(now=ends).exists()


def test_a_mail_that_was_not_sent_is_asked_for_again(settings: Any):
    invitation = invite(make_organizer())
    later = invitation.ask_again_at

    assert retry_waiting_work(now=later - timedelta(seconds=1)) == 0
    assert retry_waiting_work(now=later) == 1

    send_invitation(invitation_id=invitation.pk, now=later)
    assert retry_waiting_work(now=later + timedelta(days=1)) == 0
