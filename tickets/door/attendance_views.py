"""The report of an event's attendance."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import (
    EventNotFound,
    InsufficientScope,
    NotForThisCaller,
    event_acted_for,
)
from events.models import Scope
from events.second_factor import SecondFactorRequired
from ticketing import clock
from ticketing.api.schema import API_TOKEN, operation
from tickets.door.attendance import measure_attendance

_REPORTER = (API_TOKEN, Scope.REPORTS_READ.value)


class _FiguresShown(serializers.Serializer[Any]):
    admitted = serializers.IntegerField(
        source="figures.admitted",
        help_text="Tickets that were checked in, each once. Also those refunded since.",
    )
    inside = serializers.IntegerField(
        source="figures.inside",
        help_text="Guests who are inside now. Each counts at the gate of the latest entry, until"
        " the guest leaves by any gate.",
    )
    refused = serializers.IntegerField(
        source="figures.refused", help_text="Attempts that were refused, without conflicts."
    )
    conflicts = serializers.IntegerField(
        source="figures.conflicts",
        help_text="Guests whom a device without a network let in against the rules.",
    )


class AttendanceOfTypeShown(_FiguresShown):
    id = serializers.UUIDField()
    name = serializers.CharField()
    capacity = serializers.IntegerField()
    sold = serializers.IntegerField()
    held = serializers.IntegerField()


class TypeAtGateShown(_FiguresShown):
    """One ticket type at one gate."""

    id = serializers.UUIDField(
        allow_null=True, help_text="Null: codes of no ticket of the event, as in `no_type`."
    )
    name = serializers.CharField()


class AttendanceOfGateShown(_FiguresShown):
    gate = serializers.CharField()
    ticket_types = TypeAtGateShown(many=True, source="types")


class NoTypeShown(serializers.Serializer[Any]):
    """Scans of codes of no ticket of the event: forged, unknown, or of another event."""

    refused = serializers.IntegerField()
    conflicts = serializers.IntegerField()


class AttendanceShown(_FiguresShown):
    """
    An event's tickets, and what happened at its door: the figures of the admin's live door.

    `held` tickets are reserved or being paid for. A scan of a code of no event counts at the event
    whose door the device scans at.
    """

    event = serializers.UUIDField()
    capacity = serializers.IntegerField()
    sold = serializers.IntegerField()
    held = serializers.IntegerField()
    ticket_types = AttendanceOfTypeShown(many=True)
    no_type = NoTypeShown()
    gates = AttendanceOfGateShown(many=True)


class EventAttendance(APIView):
    @operation(
        "get_attendance",
        tokens=[_REPORTER],
        answers={200: AttendanceShown},
        refusals=[NotForThisCaller, SecondFactorRequired, InsufficientScope, EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return an event's sales by ticket type, and its entries by gate and ticket type."""
        event = event_acted_for(request, reference, Scope.REPORTS_READ)
        return Response(AttendanceShown(measure_attendance(event.pk, now=clock.now())).data)
