"""The report of an event's attendance."""

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
from ticketing.api.schema import API_TOKEN, operation
from tickets.door.attendance import measure_attendance
from tickets.door.serializers import AttendanceShown

_REPORTER = (API_TOKEN, Scope.REPORTS_READ.value)


class EventAttendance(APIView):
    @operation(
        "get_attendance",
        tokens=[_REPORTER],
        answers={200: AttendanceShown},
        refusals=[NotForThisCaller, SecondFactorRequired, InsufficientScope, EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """Return an event's sales and admissions by ticket type, and its scans by gate."""
        event = event_acted_for(request, reference, Scope.REPORTS_READ)
        return Response(AttendanceShown(measure_attendance(event.pk)).data)
