"""Find which ticket types a gate admits, and which gates admit a ticket."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from events.models import Gate


@dataclass(frozen=True, slots=True)
class DoorGate:
    """A gate that admits some ticket types only, and whether the caller is at it."""

    name: str
    types: list[int]
    is_own: bool


def gates_for(ticket_id: UUID) -> list[str]:
    """
    Return the names of the gates that are for the type of a ticket, among others.

    Gates without a rule admit each type and are not in the list.
    """
    found = Gate.objects.filter(ticket_types__tickets__pk=ticket_id)
    return list(found.order_by("name").values_list("name", flat=True))


def rules_of_gates(gate: str, event_ids: Iterable[UUID]) -> Mapping[UUID, list[DoorGate]]:
    """Return the gates that admit some ticket types only, by event. `gate` is the caller's own."""
    gates = Gate.objects.filter(event__in=list(event_ids)).order_by("name", "pk")
    rules = defaultdict(list)
    for found in gates.annotate(is_own=_is_named(gate)).prefetch_related("ticket_types"):
        rules[found.event_id].append(DoorGate(found.name, _numbers(found), found.is_own))
    return rules


def types_admitted(gate: str, event_ids: Iterable[UUID]) -> dict[UUID, list[int]]:
    """
    Return the numbers of the ticket types that a gate admits, by event.

    An event is missing if the gate has no rule there: it admits each type.
    """
    gates = Gate.objects.filter(_is_named(gate), event__in=list(event_ids))
    return {found.event_id: _numbers(found) for found in gates.prefetch_related("ticket_types")}


def _is_named(gate: str) -> Q:
    return Q(name__iexact=gate.strip())


def _numbers(gate: Gate) -> list[int]:
    return sorted(kind.number for kind in gate.ticket_types.all())
