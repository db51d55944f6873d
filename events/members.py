"""Change what a member of an organizer may do, and end a membership."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from events.models import Event, Invitation, Membership, Organizer, Role
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict, NotFound
from ticketing.models import ActorKind, ActType, User
from ticketing.sign_in.second_factor import reset_second_factor


class LastOwner(Conflict):
    """Without this member the organizer would have no owner, and nobody could change it."""

    code = "last_owner"
    title = "An organizer needs an owner"


class SecondFactorNotResettable(Conflict):
    """The user belongs to other organizers too, runs the site, or is the one who acts."""

    code = "second_factor_not_resettable"
    title = "You cannot reset this two-factor sign-in"


class MemberNotFound(NotFound):
    """The membership has ended already."""

    code = "not_found"
    title = "There is nothing here"


@transaction.atomic
def change_member(  # noqa: PLR0913 - a membership has this many parts
    *,
    membership_id: int,
    role: Role,
    only_some_events: bool,
    event_ids: Collection[UUID],
    actor: Actor,
    now: datetime,
) -> None:
    """
    Give a member another role or other events. Events of other organizers are left out.

    The open invitations of a user who is not an owner any more are withdrawn.

    :raises LastOwner: if the organizer would have no owner any more
    :raises MemberNotFound: if the membership has ended
    """
    membership = _lock(membership_id)
    if role != Role.OWNER:
        _refuse_last_owner(membership)
    membership.role = role
    membership.only_some_events = only_some_events and role != Role.OWNER
    membership.save(update_fields=["role", "only_some_events"])
    _set_events(membership, event_ids)
    if role != Role.OWNER:
        _withdraw_invitations_by(membership, actor, now)
    _record(ActType.MEMBER_CHANGED, membership, actor, now, role=role.value)


@transaction.atomic(durable=True)
def remove_member(*, membership_id: int, actor: Actor, now: datetime) -> None:
    """
    End a membership, and withdraw the open invitations that the user has sent for the organizer.

    The user keeps the account, and other memberships.

    :raises LastOwner: if the organizer would have no owner any more
    :raises MemberNotFound: if the membership has ended
    """
    membership = _lock(membership_id)
    _refuse_last_owner(membership)
    _withdraw_invitations_by(membership, actor, now)
    _record(ActType.MEMBER_REMOVED, membership, actor, now)
    membership.delete()


@transaction.atomic(durable=True)
def reset_second_factor_of_member(
    *, membership_id: int, actor: Actor, language: str, now: datetime
) -> bool:
    """
    Take the second factor from a member who has lost the phone. Return False if there is none.

    The account of a member of several organizers protects data of all of them, so that one of their
    owners may not weaken it.

    :raises SecondFactorNotResettable: if the user is a member elsewhere, a superuser, or `actor`
    :raises MemberNotFound: if the membership has ended
    """
    membership = _lock(membership_id)
    # With this lock nobody can make the user a member of another organizer meanwhile.
    user = User.objects.select_for_update().get(pk=membership.user_id)
    is_actor = actor.kind == ActorKind.USER and actor.id == str(user.pk)
    elsewhere = Membership.objects.filter(user=user).exclude(pk=membership.pk)
    if user.is_superuser or is_actor or elsewhere.exists():
        raise SecondFactorNotResettable("Ask whoever runs this site to do it.")
    if not reset_second_factor(user=user, actor=actor, language=language, now=now):
        return False
    _record(ActType.MEMBER_SECOND_FACTOR_RESET, membership, actor, now)
    return True


def add_member(  # noqa: PLR0913 - a membership has this many parts
    *,
    organizer_id: UUID,
    user_id: int,
    role: Role,
    only_some_events: bool,
    event_ids: Collection[UUID],
    actor: Actor,
    now: datetime,
) -> bool:
    """
    Make a user a member, in the open transaction. Return whether the user was not one before.

    An existing membership does not change.
    """
    membership, made = Membership.objects.get_or_create(
        organizer_id=organizer_id,
        user_id=user_id,
        defaults={"role": role, "only_some_events": only_some_events},
    )
    if made:
        _set_events(membership, event_ids)
        _record(ActType.MEMBER_JOINED, membership, actor, now, role=role.value)
    return made


def _lock(membership_id: int) -> Membership:
    organizers = Organizer.objects.filter(memberships=membership_id)
    # The lock of the organizer prevents two owners from removing each other at once.
    organizers.select_for_update(no_key=True, of=("self",)).first()
    membership = Membership.objects.filter(pk=membership_id).first()
    if membership is None:
        raise MemberNotFound("This person is not a member any more.")
    return membership


def _withdraw_invitations_by(membership: Membership, actor: Actor, now: datetime) -> None:
    # A former owner could otherwise come back by an invitation to an address of the own.
    sent = Invitation.objects.filter(
        organizer=membership.organizer_id,
        invited_by=membership.user_id,
        accepted_at=None,
        withdrawn_at=None,
    )
    # An invitation that is being accepted at this moment is locked, and counts as accepted before.
    for invitation in sent.select_for_update(skip_locked=True):
        Invitation.objects.filter(pk=invitation.pk).update(withdrawn_at=now)
        record_act(
            act=ActType.INVITATION_WITHDRAWN,
            actor=actor,
            subject_id=membership.organizer_id,
            organizer_id=membership.organizer_id,
            at=now,
            details={"invitation": str(invitation.pk), "role": invitation.role},
        )


def _refuse_last_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(organizer=membership.organizer_id, role=Role.OWNER)
    # An owner who cannot sign in any more could not give the organizer another owner.
    able = owners.filter(user__is_active=True, user__is_staff=True)
    if membership.role == Role.OWNER and not able.exclude(pk=membership.pk).exists():
        raise LastOwner("An organizer needs an owner. Make another member an owner first.")


def _set_events(membership: Membership, event_ids: Collection[UUID]) -> None:
    chosen = event_ids if membership.only_some_events else []
    own = Event.objects.filter(organizer=membership.organizer_id, pk__in=chosen)
    membership.events.set(own)


def _record(
    act: ActType, membership: Membership, actor: Actor, now: datetime, **details: Any
) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=membership.organizer_id,
        organizer_id=membership.organizer_id,
        at=now,
        details={"user": membership.user_id, **details},
    )
