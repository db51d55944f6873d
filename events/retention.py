"""How long an organizer keeps its buyers' data: the setting, and the events that are past it."""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F, Func, QuerySet, Value
from django.db.models.expressions import Combinable

from events.models import Event, Organizer
from ticketing.actors import Actor, record_act
from ticketing.field_changes import FieldChange, details_of
from ticketing.models import ActType


@transaction.atomic(durable=True)
def set_retention(*, organizer_id: UUID, months: int | None, actor: Actor, now: datetime) -> None:
    """
    Set after how many months past an event's end its buyers are erased. None: they are kept.

    The periodic task erases them: `tickets.retention`. The same value again changes nothing.

    :raises IntegrityError: if the number is not between `FEWEST_MONTHS_KEPT` and `MOST_MONTHS_KEPT`
    """
    # The lock: of two changes at once, each must be recorded with the value before it.
    organizer = Organizer.objects.select_for_update().get(pk=organizer_id)
    if organizer.erases_after_months == months:
        return
    change = FieldChange("erases_after_months", organizer.erases_after_months, months)
    Organizer.objects.filter(pk=organizer_id).update(erases_after_months=months)
    record_act(
        act=ActType.RETENTION_CHANGED,
        actor=actor,
        subject_id=organizer_id,
        organizer_id=organizer_id,
        at=now,
        details=details_of([change]),
    )


def events_past_retention(*, now: datetime) -> QuerySet[Event]:
    """Return the events of all organizers that ended longer ago than their organizer keeps data."""
    return _ended_before(Event.objects.all(), F("organizer__erases_after_months"), now)


def events_past_months(*, organizer_id: UUID, months: int, now: datetime) -> QuerySet[Event]:
    """Return an organizer's events that ended more than so many months ago."""
    return _ended_before(Event.objects.filter(organizer_id=organizer_id), Value(months), now)


def _ended_before(events: QuerySet[Event], months: Combinable, now: datetime) -> QuerySet[Event]:
    # PostgreSQL counts calendar months: a month after January 31 is February 28.
    wait = Func(months, template="make_interval(months => %(expressions)s)")
    kept_until = Func(
        F("ends_at"),
        wait,
        template="(%(expressions)s)",
        arg_joiner=" + ",
        output_field=Event._meta.get_field("ends_at"),  # noqa: SLF001 - as Django's own code does
    )
    return events.filter(ends_at__lt=now).alias(kept_until=kept_until).filter(kept_until__lt=now)
