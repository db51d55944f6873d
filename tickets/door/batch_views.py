"""The view that takes the scans of a device that was offline."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope, NotForThisCaller
from events.models import Scope
from events.second_factor import SecondFactorRequired
from ticketing import clock
from ticketing.api.problems import list_errors
from ticketing.api.schema import API_TOKEN, DEVICE_TOKEN, operation
from tickets.door.answers import refuse_passage, show_passage
from tickets.door.batch_serializers import NOT_VALID, BatchedScan, ScansSent, ScansShown
from tickets.door.checkin import EventNotForScanner, check_in_ticket
from tickets.door.earlier import ScanIdReused
from tickets.door.scanner import scanner_of
from tickets.door.scans import Scanner
from tickets.door.serializers import scanned_code


class DoorScans(APIView):
    @operation(
        "upload_scans",
        tokens=[DEVICE_TOKEN, (API_TOKEN, Scope.TICKETS_VALIDATE.value)],
        takes=ScansSent,
        answers={200: ScansShown},
        refusals=[NotForThisCaller, SecondFactorRequired, InsufficientScope],
        examples={
            "What a device has admitted": {
                "scans": [
                    {
                        "scan_id": "01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90",
                        "code": "T1:…",
                        "scanned_at": "2027-01-10T21:04:11-03:00",
                        "decision": "admitted",
                    }
                ]
            }
        },
    )
    def post(self, request: Request) -> Response:
        """
        Decide and record up to 200 scans of a device that was offline, each by itself.

        Send `decision`, what the device has told the guest. If it let somebody in whom the rules
        refuse, the scan is a conflict: it is kept, and the organizer is alerted.

        If a response is lost, send the same batch again: a `scan_id` that was recorded gets its
        first result. A bad scan does not spoil the batch.
        """
        scanner, now = scanner_of(request), clock.now()
        parsed = ScansSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        scans = parsed.validated_data["scans"]
        return Response({"results": [_take(sent, scanner, now) for sent in scans]})


def _take(sent: Mapping[str, Any], scanner: Scanner, now: datetime) -> dict[str, Any]:
    parsed = BatchedScan(data=sent)
    if not parsed.is_valid():
        errors = list_errors(serializers.ValidationError(parsed.errors))
        return _show(_read_id(sent), NOT_VALID, errors=errors)
    scanned = scanned_code(parsed.validated_data, now=now)
    scan_id = str(scanned.scan_id)
    try:
        attempt = check_in_ticket(scanned=scanned, scanner=scanner, now=now)
    except (EventNotForScanner, ScanIdReused) as refusal:
        return _show(scan_id, refusal.code)
    if attempt.is_let_through and attempt.ticket is not None:
        shown = show_passage(attempt, attempt.ticket)
        return _show(scan_id, shown["result"], again=shown["again"], conflict=attempt.is_conflict)
    refused = refuse_passage(attempt)
    return _show(
        scan_id,
        refused.code,
        conflict=attempt.is_conflict,
        first_scan=refused.details.get("first_scan"),
    )


def _show(scan_id: str | None, result: str, **members: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"again": False, "conflict": False, "first_scan": None, "errors": []}
    return {"scan_id": scan_id, "result": result, **usual, **members}


def _read_id(sent: Mapping[str, Any]) -> str | None:
    try:
        return str(UUID(str(sent.get("scan_id"))))
    except ValueError:
        return None
