"""Invite a person by mail to become a member of an organizer, and accept or withdraw it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from events.invitation_mail import compose_invitation_mail
from events.members import add_member
from events.models import Event, Invitation, Membership, Organizer, Role
from ticketing.actors import Actor, record_act, user_actor
from ticketing.errors import Conflict, Forbidden, NotFound
from ticketing.mail_lease import lease_row, send_and_note
from ticketing.mail_limit import book_mail_now
from ticketing.mailed_tokens import MailedToken
from ticketing.models import ActType, User
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.sign_in.accounts import accounts_of

# Long enough for a weekend and a busy day; short enough that a forgotten mail opens nothing.
LASTS: Final = timedelta(days=7)
# An organizer that invites more people at once sends mail that nobody asked for.
MOST_OPEN: Final = 50
# How long an ended invitation is stored, because it holds an address.
_KEPT: Final = timedelta(days=30)
_TOKEN: Final = MailedToken("inv_", "events.invitations")


@dataclass(frozen=True, slots=True)
class OfferedMembership:
    """What an invited person becomes. Without `only_some_events`, `event_ids` do not matter."""

    role: Role
    only_some_events: bool = False
    event_ids: Collection[UUID] = ()


class TooManyInvitations(Conflict):
    """The organizer has `MOST_OPEN` invitations that are open."""

    code = "too_many_invitations"
    title = "The organizer has too many open invitations"


class AlreadyMember(Conflict):
    """The person is a member of the organizer."""

    code = "already_member"
    title = "This person is a member already"


class InvitationNotOpen(NotFound):
    """The link is wrong, or the invitation was accepted or withdrawn, or has expired."""

    code = "invitation_not_open"
    title = "This invitation is not open"


class AccountExists(Conflict):
    """The invited address has an account, so the person must sign in to accept."""

    code = "account_exists"
    title = "This address has an account already"


class InvitedOther(Forbidden):
    """The signed-in user has another address than the invitation."""

    code = "invited_other"
    title = "This invitation is for somebody else"


@transaction.atomic
def invite_member(  # noqa: PLR0913 - an invitation has this many parts
    *,
    organizer_id: UUID,
    email: str,
    offered: OfferedMembership,
    language: str,
    inviter: User,
    now: datetime,
) -> Invitation:
    """
    Invite a person, or invite again: an open invitation gets the new role and a new deadline.

    The response is the same whether the address has an account or not.

    :raises AlreadyMember: if a member of the organizer has that address
    :raises TooManyInvitations: if the organizer has as many open invitations as it may have
    :raises TooManyMails: if the address has got the most mails that one address gets in an hour
    """
    # The lock prevents two requests at once from both making the last invitation.
    Organizer.objects.select_for_update(no_key=True).get(pk=organizer_id)
    address = email.lower()
    own = open_invitations().filter(organizer=organizer_id)
    # Locked before the members are read: whoever accepts at this moment is then one of them.
    earlier = own.select_for_update().filter(email=address).first()
    members = Membership.objects.filter(organizer=organizer_id)
    if members.filter(Q(user__email__iexact=address) | Q(user__username=address)).exists():
        raise AlreadyMember(f"{address} is a member already.")
    others = own.exclude(email=address).filter(expires_at__gt=now)
    if others.count() >= MOST_OPEN:
        raise TooManyInvitations(
            f"An organizer may have {MOST_OPEN} open invitations. Withdraw one first."
        )
    book_mail_now(address=address, now=now)
    fields = {
        "role": offered.role,
        "only_some_events": offered.only_some_events and offered.role != Role.OWNER,
        "language": language,
        "invited_by": inviter,
        "expires_at": now + LASTS,
        "asked_at": now,
        "sent_at": None,
        "failed_at": None,
        "failure": "",
        "asks": 0,
        "ask_again_at": next_retry_at(0, now=now),
    }
    invitation = earlier or Invitation(organizer_id=organizer_id, email=address)
    for name, value in fields.items():
        setattr(invitation, name, value)
    invitation.save()
    chosen = offered.event_ids if invitation.only_some_events else []
    invitation.events.set(Event.objects.filter(organizer=organizer_id, pk__in=chosen))
    _record(ActType.MEMBER_INVITED, invitation, user_actor(inviter), now)
    send_after_commit(Message.SEND_INVITATION, invitation_id=invitation.pk)
    return invitation


@transaction.atomic(durable=True)
def withdraw_invitation(*, invitation_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Withdraw an invitation: its link stops working. A repeated call changes nothing.

    :raises InvitationNotOpen: if it was accepted
    """
    if open_invitations().filter(pk=invitation_id).update(withdrawn_at=now):
        invitation = Invitation.objects.get(pk=invitation_id)
        _record(ActType.INVITATION_WITHDRAWN, invitation, actor, now)
    elif Invitation.objects.filter(pk=invitation_id).exclude(accepted_at=None).exists():
        raise InvitationNotOpen("It was accepted. Remove the member instead.")


def find_invitation(*, invitation_id: UUID, token: str, now: datetime) -> Invitation:
    """
    Return the invitation of a mailed link.

    :raises InvitationNotOpen: if the token is wrong, or the invitation is not open any more
    """
    invitations = open_invitations().filter(expires_at__gt=now)
    found = invitations.select_related("organizer", "invited_by").filter(pk=invitation_id).first()
    if found is None or not _TOKEN.is_valid(token, found.pk, found.email):
        raise InvitationNotOpen("Ask the organizer to invite you again.")
    return found


def accept_with_new_account(
    *, invitation: Invitation, first_name: str, last_name: str, password: str, now: datetime
) -> User:
    """
    Make an account with the invited address as its name, and make it a member.

    :raises AccountExists: if the address has an account already
    :raises InvitationNotOpen: if the invitation was accepted meanwhile, or withdrawn
    """
    if accounts_of(invitation.email).exists():
        raise AccountExists("Sign in with your account, then open the link again.")
    user = User(
        username=invitation.email,
        email=invitation.email,
        first_name=first_name,
        last_name=last_name,
        is_staff=True,
    )
    # Outside of the transaction, because hashing a password is slow on purpose.
    user.set_password(password)
    try:
        with transaction.atomic(durable=True):
            user.save()
            _accept(invitation, user, now)
    except IntegrityError as error:
        raise AccountExists("Sign in with your account, then open the link again.") from error
    return user


@transaction.atomic(durable=True)
def accept_with_account(*, invitation: Invitation, user: User, now: datetime) -> None:
    """
    Make a signed-in user a member. The account must have the invited address.

    :raises InvitedOther: if it has another address
    :raises AlreadyMember: if the user is a member already, whose role does not change
    :raises InvitationNotOpen: if the invitation was accepted meanwhile, or withdrawn
    """
    if not accounts_of(invitation.email).filter(pk=user.pk).exists():
        raise InvitedOther("Sign in with the account of the invited address.")
    _accept(invitation, user, now)


def send_invitation(*, invitation_id: UUID, now: datetime) -> None:
    """
    Mail the link of an invitation. A lease stops a repeated message from mailing.

    :raises Exception: if the mail was not sent and a retry may succeed
    """
    if not lease_row(open_invitations().filter(pk=invitation_id, expires_at__gt=now), now=now):
        return
    invitations = Invitation.objects.select_related("organizer", "invited_by")
    invitation = invitations.get(pk=invitation_id)
    send_and_note(
        invitation,
        lambda: compose_invitation_mail(invitation=invitation, token=invitation_token(invitation)),
        now=now,
    )


def invitations_to_send(*, now: datetime) -> QuerySet[Invitation]:
    """Return the invitations whose mail still has to be sent, for the sweep."""
    return open_invitations().filter(sent_at=None, failed_at=None, expires_at__gt=now)


def forget_invitations(*, now: datetime) -> None:
    """Delete invitations that ended long ago, because they hold addresses."""
    Invitation.objects.filter(expires_at__lt=now - _KEPT).delete()


def invitation_token(invitation: Invitation) -> str:
    """Return the token of the mail's link. It is derived from the row, never stored."""
    return _TOKEN.derive(invitation.pk, invitation.email)


def open_invitations() -> QuerySet[Invitation]:
    """Return the invitations that were neither accepted nor withdrawn. They may have expired."""
    return Invitation.objects.filter(accepted_at=None, withdrawn_at=None)


def _accept(invitation: Invitation, user: User, now: datetime) -> None:
    # The condition decides between two clicks at once, and between a click and a withdrawal.
    open_now = open_invitations().filter(pk=invitation.pk, expires_at__gt=now)
    if not open_now.update(accepted_at=now):
        raise InvitationNotOpen("Ask the organizer to invite you again.")
    added = add_member(
        organizer_id=invitation.organizer_id,
        user_id=user.pk,
        role=Role(invitation.role),
        only_some_events=invitation.only_some_events,
        event_ids=list(invitation.events.values_list("pk", flat=True)),
        actor=user_actor(user),
        now=now,
    )
    if not added:
        raise AlreadyMember("You are a member already.")


def _record(act: ActType, invitation: Invitation, actor: Actor, now: datetime) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=invitation.organizer_id,
        organizer_id=invitation.organizer_id,
        at=now,
        details={"invitation": str(invitation.pk), "role": invitation.role},
    )
