"""Change which gates of an event admit some ticket types only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from events.changes import EventNotEditable, claim_to_change
from events.models import MOST_GATES, Event, EventStatus, Gate, TicketType
from events.ticket_types import UnknownTypeOfEvent
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.field_changes import FieldChange, details_of
from ticketing.models import ActType


class GateNamedTwice(Conflict):
    """Two gates of the event would have the same name, whatever the case."""

    code = "gate_named_twice"
    title = "Two gates have the same name"


class TooManyGates(Conflict):
    """The event would have more gates with a rule than an event may."""

    code = "too_many_gates"
    title = "The event has too many gates"


@dataclass(frozen=True, slots=True)
class GateRule:
    """A gate by its name, and the ids of the ticket types that it admits."""

    name: str
    admits: Collection[UUID]


def gates_of(event_id: UUID) -> list[Gate]:
    """Return the gates of an event that have a rule, by name, with their ticket types."""
    gates = Gate.objects.filter(event_id=event_id)
    return list(gates.order_by("name", "pk").prefetch_related("ticket_types"))


def change_gates(
    *,
    event_id: UUID,
    rules: Sequence[GateRule],
    actor: Actor,
    now: datetime,
) -> None:
    """
    Replace the rules of an event's gates. A gate that is not mentioned admits all types again.

    The next scan is decided by them. The event is locked, so two changes do not mix.

    :raises EventNotEditable: if the event was cancelled
    :raises GateNamedTwice: if two rules have the same name
    :raises TooManyGates: if there are more than `MOST_GATES`
    :raises UnknownTypeOfEvent: if the event has no such ticket type
    """
    with transaction.atomic():
        event = claim_to_change(event_id)
        if event.status == EventStatus.CANCELLED:
            raise EventNotEditable(f"{event.name} was cancelled. Create a new event instead.")
        _refuse_wrong_names(rules)
        before = _words_of(event)
        _write(event, rules)
        if changes := _changes(before, _words_of(event)):
            record_act(
                act=ActType.EVENT_CHANGED,
                actor=actor,
                subject_id=event_id,
                organizer_id=event.organizer_id,
                at=now,
                details=details_of(changes),
            )


def copy_gates(*, source: Event, clone: Event, types: Mapping[UUID, TicketType]) -> None:
    """
    Give a copied event the same gates. `types` has the copied types by the ids of their sources.

    It runs in the caller's transaction.
    """
    for gate in gates_of(source.pk):
        copied = Gate.objects.create(event=clone, name=gate.name)
        copied.ticket_types.set([types[kind.pk] for kind in gate.ticket_types.all()])


def _refuse_wrong_names(rules: Sequence[GateRule]) -> None:
    if len(rules) > MOST_GATES:
        raise TooManyGates(f"An event has at most {MOST_GATES} gates with a rule.")
    names = [rule.name.lower() for rule in rules]
    if len(set(names)) < len(names):
        raise GateNamedTwice("Give each gate a name of its own. Their case does not matter.")


def _write(event: Event, rules: Sequence[GateRule]) -> None:
    kinds = {kind.pk: kind for kind in event.ticket_types.all()}
    old = {gate.name.lower(): gate for gate in gates_of(event.pk)}
    kept = {rule.name.lower() for rule in rules}
    # First, so that a name can go from one gate to another.
    Gate.objects.filter(pk__in=[gate.pk for name, gate in old.items() if name not in kept]).delete()
    for rule in rules:
        if unknown := set(rule.admits) - kinds.keys():
            raise UnknownTypeOfEvent(f"The event has no ticket type {min(unknown)}.")
        gate = old.get(rule.name.lower()) or Gate(event=event)
        gate.name = rule.name
        gate.save()
        gate.ticket_types.set([kinds[pk] for pk in rule.admits])


def _words_of(event: Event) -> dict[str, list[str]]:
    return {
        gate.name: sorted(kind.name for kind in gate.ticket_types.all())
        for gate in gates_of(event.pk)
    }


def _changes(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[FieldChange]:
    return [
        FieldChange("gate", before.get(name, []), after.get(name, []), of=name)
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
