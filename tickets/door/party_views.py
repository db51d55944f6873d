"""The view that lets a whole party in by one scan."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import InsufficientScope, NotForThisCaller
from events.models import Scope
from events.second_factor import SecondFactorRequired
from ticketing import clock
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.schema import API_TOKEN, DEVICE_TOKEN, operation
from ticketing.errors import Refusal
from tickets.door.answers import GATE_REFUSALS, refuse_passage, show_passage
from tickets.door.earlier import ScanIdReused
from tickets.door.party import PartyChanged, ScannedParty, TicketRefused, admit_party
from tickets.door.scanner import scanner_of
from tickets.door.scans import CheckIn, Scanner
from tickets.door.serializers import PartyAdmittedShown, PartyProblem, ScannedPartySent


class PartyAdmission(APIView):
    @operation(
        "admit_party",
        tokens=[DEVICE_TOKEN, (API_TOKEN, Scope.TICKETS_VALIDATE.value)],
        takes=ScannedPartySent,
        answers={200: PartyAdmittedShown},
        refusals=[
            NotForThisCaller,
            SecondFactorRequired,
            InsufficientScope,
            ScanIdReused,
            PartyChanged,
            *GATE_REFUSALS,
            *KEY_REFUSALS,
        ],
        parameters=[KEY],
        problems=dict.fromkeys([PartyChanged, *GATE_REFUSALS], PartyProblem),
        examples={
            "A code of an order with one more unused ticket": {
                "code": "T1:…",
                "scan_ids": ["01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90"],
            }
        },
    )
    def post(self, request: Request) -> Response:
        """
        Admit all unused tickets of a code's order that this gate admits, or none.

        A scan shows their number in `party.unused`. Each ticket gets a scan of its own on record. A
        refusal names the first ticket that cannot enter; then nothing is recorded. A retry with the
        same `scan_ids` gets the first result.
        """
        scanner = scanner_of(request)
        return answer_once(request, partial(self._admit, request, scanner))

    def _admit(self, request: Request, scanner: Scanner, responses: ResponseStore) -> Response:
        parsed = ScannedPartySent(data=request.data)
        parsed.is_valid(raise_exception=True)
        sent, now = parsed.validated_data, clock.now()
        party = ScannedParty(sent["code"], sent["scan_ids"], sent.get("gate", ""), now)
        try:
            admitted = admit_party(
                party=party,
                scanner=scanner,
                now=now,
                store_response=lambda attempts: responses.store(200, _show(attempts), {}),
            )
        except TicketRefused as refused:
            raise _without_scan(refuse_passage(refused.attempt)) from refused
        return Response(_show(admitted))


def _show(attempts: Sequence[CheckIn]) -> dict[str, Any]:
    return {
        "results": [
            show_passage(attempt, attempt.ticket)
            for attempt in attempts
            if attempt.ticket is not None
        ]
    }


def _without_scan(refusal: Refusal) -> Refusal:
    # No scan of a refused party is on record.
    refusal.details = {name: value for name, value in refusal.details.items() if name != "scan_id"}
    return refusal
