"""The view of the gates of an event that admit some ticket types only."""

from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import (
    EventNotFound,
    InsufficientScope,
    NotForThisCaller,
    actor_of,
    event_acted_for,
)
from events.changes import EventNotEditable
from events.gates import GateNamedTwice, GateRule, TooManyGates, change_gates, gates_of
from events.models import LONGEST_GATE, MOST_GATES, MOST_TICKET_TYPES, Event, Gate, Scope
from events.second_factor import SecondFactorRequired
from events.ticket_types import UnknownTypeOfEvent
from ticketing import clock
from ticketing.api.fields import LineField, StrictSerializer
from ticketing.api.schema import API_TOKEN, operation

_WRITER = (API_TOKEN, Scope.EVENTS_WRITE.value)
_CALLER_REFUSALS = (NotForThisCaller, SecondFactorRequired, InsufficientScope, EventNotFound)


class GateSent(StrictSerializer):
    """A gate by its name, as devices and scans name it whatever the case, and what it admits."""

    name = LineField(max_length=LONGEST_GATE)
    ticket_types = serializers.ListField(
        child=serializers.UUIDField(),
        allow_empty=False,
        max_length=MOST_TICKET_TYPES,
        help_text="Ids of ticket types of the event.",
    )


class GatesSent(StrictSerializer):
    """All gates that admit some ticket types only. Others admit each type."""

    gates = GateSent(many=True, max_length=MOST_GATES)  # type: ignore[call-arg]  # of ListSerializer


class GateShown(serializers.Serializer[Any]):
    name = serializers.CharField()
    ticket_types = serializers.ListField(child=serializers.UUIDField())


class GatesShown(serializers.Serializer[Any]):
    """The gates that admit some ticket types only, by name."""

    gates = GateShown(many=True)


class EventGates(APIView):
    @operation(
        "list_gates",
        tokens=[_WRITER],
        answers={200: GatesShown},
        refusals=_CALLER_REFUSALS,
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return the gates of an event that admit some ticket types only."""
        return Response(_show(event_acted_for(request, reference, Scope.EVENTS_WRITE)))

    @operation(
        "change_gates",
        tokens=[_WRITER],
        takes=GatesSent,
        answers={200: GatesShown},
        refusals=[
            *_CALLER_REFUSALS,
            EventNotEditable,
            GateNamedTwice,
            TooManyGates,
            UnknownTypeOfEvent,
        ],
        examples={
            "An entrance for one type": {
                "gates": [{"name": "VIP", "ticket_types": ["01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"]}]
            }
        },
    )
    def put(self, request: Request, reference: str) -> Response:
        """
        Replace the gates of an event that admit some ticket types only. They apply at once.

        A scan at such a gate is refused with `wrong_gate` if its ticket is of another type.
        """
        event = event_acted_for(request, reference, Scope.EVENTS_WRITE)
        parsed = GatesSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        rules = [
            GateRule(gate["name"], gate["ticket_types"]) for gate in parsed.validated_data["gates"]
        ]
        change_gates(event_id=event.pk, rules=rules, actor=actor_of(request), now=clock.now())
        return Response(_show(event))


def _show(event: Event) -> dict[str, list[dict[str, str | list[str]]]]:
    return {"gates": [_show_gate(gate) for gate in gates_of(event.pk)]}


def _show_gate(gate: Gate) -> dict[str, str | list[str]]:
    kinds: dict[int, UUID] = {kind.number: kind.pk for kind in gate.ticket_types.all()}
    return {"name": gate.name, "ticket_types": [str(kinds[number]) for number in sorted(kinds)]}
