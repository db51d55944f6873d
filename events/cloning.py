"""Make a draft from an existing event, at another time."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import models, transaction

from events.gates import copy_gates
from events.models import Event, EventStatus, TicketType
from events.organizing import create_event
from events.questions import copy_questions
from events.refund_policies import copy_refund_policy
from ticketing.actors import Actor
from ticketing.clock import zone_named

# What belongs to one event only. Any other column, also a later one, is copied.
_OF_ONE_EVENT: Final = frozenset(
    {
        "id",
        "number",
        "slug",
        "status",
        "external_id",
        "epoch",
        "revision",
        "created_at",
        "cancelled_at",
        "cancellation_note",
        "wound_up_at",
    }
)
_OF_ONE_TYPE: Final = frozenset(
    {"id", "event", "number", "capacity_version", "promised", "sold", "available"}
)


def clone_event(
    *, event_id: UUID, name: str, starts_at: datetime, actor: Actor, now: datetime
) -> Event:
    """
    Make a draft from an event, under a new name: its settings, ticket types, gates,
    questions and refund policy.

    All its times move with its start. They keep their hours on the clock of the venue, also if the
    clock is changed for summer time between the two dates. Nothing of the sale is copied.
    """
    source = Event.objects.get(pk=event_id)
    clone = Event(**copied_fields(source, _OF_ONE_EVENT))
    clone.name, clone.slug, clone.status = name, "", EventStatus.DRAFT
    kinds = [
        TicketType(**copied_fields(kind, _OF_ONE_TYPE))
        for kind in source.ticket_types.order_by("number")
    ]
    for row in (clone, *kinds):
        move_times(row, source, starts_at)
    with transaction.atomic():
        made = create_event(event=clone, ticket_types=kinds, actor=actor, now=now)
        types = types_by_source(source, made)
        copy_questions(source=source, clone=made, types=types)
        copy_gates(source=source, clone=made, types=types)
        copy_refund_policy(source=source, clone=made, actor=actor, now=now)
    return made


def types_by_source(source: Event, clone: Event) -> dict[UUID, TicketType]:
    """
    Return the ticket types of a copy by the ids of those that they are copied from.

    They are paired by their order: the copy's numbers have no gaps where types were deleted.
    """
    kinds = source.ticket_types.order_by("number")
    copies = clone.ticket_types.order_by("number")
    return dict(zip((kind.pk for kind in kinds), copies, strict=True))


def copied_fields(row: models.Model, left_out: frozenset[str]) -> dict[str, object]:
    """Return the columns of a row with their values, without those whose names are left out."""
    fields = row._meta.concrete_fields  # noqa: SLF001 - Django documents it
    return {
        field.attname: getattr(row, field.attname) for field in fields if field.name not in left_out
    }


def move_times(row: models.Model, source: Event, starts_at: datetime) -> None:
    """Move all times of a copied row as far as the start moved, on the clock of the venue."""
    zone = zone_named(source.timezone)
    # The difference on the clock at the venue, where summer time may begin between the two.
    moved = _clock_time(starts_at, source) - _clock_time(source.starts_at, source)
    for field in row._meta.concrete_fields:  # noqa: SLF001 - Django documents it
        moment = getattr(row, field.attname)
        if isinstance(field, models.DateTimeField) and isinstance(moment, datetime):
            local = _clock_time(moment, source) + moved
            setattr(row, field.attname, local.replace(tzinfo=zone))


def _clock_time(moment: datetime, source: Event) -> datetime:
    return moment.astimezone(zone_named(source.timezone)).replace(tzinfo=None)
