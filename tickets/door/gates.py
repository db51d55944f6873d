"""Find which ticket types a gate admits, and which gates admit a ticket."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

from events.models import Gate


def gates_for(ticket_id: UUID) -> list[str]:
    """
    Return the names of the gates that are for the type of a ticket, among others.

    Gates without a rule admit each type and are not in the list.
    """
    found = Gate.objects.filter(ticket_types__tickets__pk=ticket_id)
    return list(found.order_by("name").values_list("name", flat=True))


def rules_of_gates(event_ids: Iterable[UUID]) -> Mapping[UUID, list[Gate]]:
    """Return the gates that admit some ticket types only, with those types, by event."""
    gates = Gate.objects.filter(event__in=list(event_ids)).order_by("name", "pk")
    by_event = defaultdict(list)
    for gate in gates.prefetch_related("ticket_types"):
        by_event[gate.event_id].append(gate)
    return by_event


def types_admitted(gate: str, event_ids: Iterable[UUID]) -> dict[UUID, list[int]]:
    """
    Return the numbers of the ticket types that a gate admits, by event.

    An event is missing if the gate has no rule there: it admits each type.
    """
    gates = Gate.objects.filter(event__in=list(event_ids), name__iexact=gate.strip())
    return {
        found.event_id: sorted(kind.number for kind in found.ticket_types.all())
        for found in gates.prefetch_related("ticket_types")
    }
