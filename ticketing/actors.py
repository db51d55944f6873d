"""Who acts, and the append-only record of what each actor did."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from ticketing.models import Act, ActorKind, ActType, User


@dataclass(frozen=True, slots=True)
class Actor:
    """
    Who does something: named once, by the door through which the request came.

    `id` is the key of the user, token, device or, for a buyer, the order. For the system it is
    the key of the cause, such as the cancelled event, and `name` says what the cause was.
    """

    kind: ActorKind
    id: str
    name: str = ""


def user_actor(user: User | AnonymousUser) -> Actor:
    """Return a signed-in user as an actor."""
    return Actor(ActorKind.USER, str(user.pk), user.get_username())


def system_actor(cause: str, *, about: UUID | None = None) -> Actor:
    """Return the actor for what no caller asked for: a worker, for a cause."""
    return Actor(ActorKind.SYSTEM, str(about or ""), cause)


def record_act(  # noqa: PLR0913 - one row, said in full
    *,
    act: ActType,
    actor: Actor,
    subject_id: UUID,
    organizer_id: UUID | None,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down what was done to one subject, in the transaction that does it."""
    record_acts(
        act=act,
        actor=actor,
        subject_ids=[subject_id],
        organizer_id=organizer_id,
        at=at,
        details=details,
    )


def record_acts(  # noqa: PLR0913 - one row for each subject, said in full
    *,
    act: ActType,
    actor: Actor,
    subject_ids: Collection[UUID],
    organizer_id: UUID | None,
    at: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Write down the same act for each of several subjects of one organizer."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An act is recorded in the transaction that does it; open one first.")
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
            details=details or {},
        )
        for subject_id in subject_ids
    )
