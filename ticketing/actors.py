"""Actors, and the append-only record of what each actor did."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from ticketing.models import Act, ActorKind, ActType, User
from ticketing.origin import current_origin


@dataclass(frozen=True, slots=True)
class Actor:
    """
    The user, API token, device, buyer or system that does something.

    The entry point makes it once for each request or task. `id` is the primary key of the user,
    token or device; for a buyer it is that of the order; for the system it is that of the cause,
    such as the cancelled event, and `name` is the name of that cause.
    """

    kind: ActorKind
    id: str
    name: str = ""


def user_actor(user: User | AnonymousUser) -> Actor:
    """Return a signed-in user as an actor."""
    return Actor(ActorKind.USER, str(user.pk), user.get_username())


def system_actor(cause: str, *, about: UUID | None = None) -> Actor:
    """Return the actor of work that no caller requested, with its cause."""
    return Actor(ActorKind.SYSTEM, str(about or ""), cause)


def record_act(  # noqa: PLR0913 - one argument for each column
    *,
    act: ActType,
    actor: Actor,
    subject_id: UUID,
    organizer_id: UUID | None,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Record what was done to one subject, in the transaction that does it."""
    record_acts(
        act=act,
        actor=actor,
        subject_ids=[subject_id],
        organizer_id=organizer_id,
        at=at,
        details=details,
    )


def record_acts(  # noqa: PLR0913 - one argument for each column
    *,
    act: ActType,
    actor: Actor,
    subject_ids: Collection[UUID],
    organizer_id: UUID | None,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """
    Record the same act for each of several subjects of one organizer.

    :raises RuntimeError: if no transaction is open
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An act is recorded in the transaction that does it; open one first.")
    origin = current_origin()
    # A buyer's address is personal data that nobody needs here.
    known = actor.kind not in {ActorKind.BUYER, ActorKind.SYSTEM}
    address = origin.find_address() if known else None
    Act.objects.bulk_create(
        Act(
            at=at,
            type=act.value,
            subject_type=act.value.partition(".")[0],
            subject_id=subject_id,
            organizer_id=organizer_id,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            channel=origin.channel,
            address=address,
            details=details or {},
        )
        for subject_id in subject_ids
    )
