"""The views of the gate: check a ticket in, and undo a check-in."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope, NotForThisCaller
from events.models import Scope
from events.second_factor import SecondFactorRequired
from ticketing import clock
from ticketing.actors import Actor
from ticketing.api.authentication import read_bearer
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.quick import answer_json, read_body
from ticketing.api.schema import API_TOKEN, DEVICE_TOKEN, operation
from ticketing.ids import new_id
from ticketing.tokens import TokenKind
from tickets.access import TicketNotFound
from tickets.door.answers import GATE_REFUSALS, refuse_passage, show_passage, store_passage
from tickets.door.checkin import EventNotForScanner, check_in_ticket
from tickets.door.earlier import ScanIdReused
from tickets.door.scanner import scanner_of, ticket_of_supervisor
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.door.serializers import (
    AdmissionShown,
    CheckInUndoneShown,
    ScanProblem,
    ScanSent,
    UndoSent,
    UsualScan,
    scanned_code,
)
from tickets.door.undo import LaterScanStands, NotCheckedIn, UndoTooLate, undo_check_in
from tickets.models import Direction, Scan, Ticket


class TicketValidation(APIView):
    @operation(
        "check_in_ticket",
        tokens=[DEVICE_TOKEN, (API_TOKEN, Scope.TICKETS_VALIDATE.value)],
        takes=ScanSent,
        answers={200: AdmissionShown},
        refusals=[
            NotForThisCaller,
            SecondFactorRequired,
            InsufficientScope,
            EventNotForScanner,
            ScanIdReused,
            *GATE_REFUSALS,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
        problems=dict.fromkeys(GATE_REFUSALS, ScanProblem),
        examples={
            "What a scanner saw": {"code": "T1:…", "gate": "North"},
            "At the exit": {"code": "T1:…", "direction": "exit"},
        },
    )
    def post(self, request: Request) -> Response:
        """
        Check a code and register its use. Every attempt is recorded.

        A scan with the direction `exit` lets the holder out. By the event's rule of `reentry`, the
        ticket may enter again then, or once on each day.

        A device that was offline sends its `decision` and `scanned_at`. If it let somebody in whom
        the rules refuse, the scan is kept as a conflict.

        A retry with the same `scan_id` always gets the first result. A retry with the same
        `Idempotency-Key` gets the first response for a day.
        """
        scanner = scanner_of(request)
        return answer_once(request, partial(self._check, request, scanner))

    def _check(self, request: Request, scanner: Scanner, responses: ResponseStore) -> Response:
        parsed = ScanSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        now = clock.now()
        scanned = scanned_code(parsed.validated_data, now=now)
        store_response = store_passage(responses) if responses.digest else None
        return Response(_pass(scanned, scanner, now, store_response))

    @staticmethod
    def quick_post(request: HttpRequest) -> HttpResponse | None:
        """Do what `post` does for a door device that is online and sends no key."""
        # A request with a key may have a stored response, which only `post` replays.
        if "HTTP_IDEMPOTENCY_KEY" in request.META:
            return None
        token = read_bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is None or token.kind != TokenKind.DEVICE:
            return None
        parsed = read_body(request, UsualScan)
        if parsed is None:
            return None
        now = clock.now()
        scanned = ScannedCode(
            scan_id=new_id() if parsed.scan_id is UNSET else parsed.scan_id,
            code=parsed.code,
            gate=parsed.gate,
            at=now,
            event_id=None if parsed.event is UNSET else parsed.event,
            direction=Direction(parsed.direction),
        )
        return answer_json(_pass(scanned, Scanner(device_digest=token.digest), now))


class CheckInUndo(APIView):
    @operation(
        "undo_check_in",
        tokens=[DEVICE_TOKEN, (API_TOKEN, Scope.TICKETS_WRITE.value)],
        takes=UndoSent,
        answers={200: CheckInUndoneShown},
        refusals=[
            NotForThisCaller,
            SecondFactorRequired,
            InsufficientScope,
            TicketNotFound,
            NotCheckedIn,
            LaterScanStands,
            UndoTooLate,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
    )
    def post(self, request: Request, ticket_id: UUID) -> Response:
        """
        Undo the latest entry or exit of a ticket within 15 minutes.

        Without its only entry, the ticket is valid again. A device must be a supervisor's. The scan
        stays on record, marked as undone. With `scan_id`, only that scan is undone.
        """
        ticket, actor = ticket_of_supervisor(request, ticket_id)
        return answer_once(request, partial(self._undo, request, ticket, actor))

    def _undo(
        self, request: Request, ticket: Ticket, actor: Actor, responses: ResponseStore
    ) -> Response:
        parsed = UndoSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        shown: dict[str, Any] = {}

        def store_response(undone: Scan) -> None:
            shown.update(CheckInUndoneShown(undone).data)
            responses.store(200, shown, {})

        undo_check_in(
            ticket_id=ticket.pk,
            scan_id=parsed.validated_data.get("scan_id"),
            actor=actor,
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown)


def _pass(
    scanned: ScannedCode,
    scanner: Scanner,
    now: datetime,
    store_response: Callable[[CheckIn], None] | None = None,
) -> dict[str, Any]:
    attempt = check_in_ticket(
        scanned=scanned, scanner=scanner, now=now, store_response=store_response
    )
    if not attempt.is_let_through or attempt.ticket is None:
        raise refuse_passage(attempt)
    return show_passage(attempt, attempt.ticket)
