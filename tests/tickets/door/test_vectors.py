"""The codes of `vectors.json` at the server. `tests/browser/test_door.py` scans them on a phone."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings
from rest_framework.test import APIClient

from events.models import Event
from tests.make import as_bearer, make_device, make_event, make_paid_order
from tests.tickets.door.make_vectors import (
    EVENT,
    IN_USE,
    NUMBERS,
    OTHER_EVENT,
    SECRETS,
    VECTORS,
    make_vectors,
)
from ticketing import clock
from tickets.models import Scan, Ticket, TicketStatus

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = {key: SECRETS[key] for key in IN_USE}


@pytest.fixture
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(VECTORS.read_text())
    return found


@pytest.fixture
def gate(vectors: dict[str, Any]) -> APIClient:
    """Return a device's client at the event, after its tickets and the other event were made."""
    starts_at = clock.now() + timedelta(hours=1)
    times: dict[str, Any] = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=4)}
    event = make_event(pk=EVENT, **times)
    make_event(pk=OTHER_EVENT, **times)
    for pk, number in NUMBERS.items():
        Event.objects.filter(pk=pk).update(number=number)
    codes = vectors["tickets"] | {vectors["revoked"]["id"]: vectors["revoked"]["code"]}
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=len(codes))
    tickets = Ticket.objects.filter(order=order).order_by("pk")
    for pk, (new_pk, code) in zip(tickets.values_list("pk", flat=True), codes.items(), strict=True):
        Ticket.objects.filter(pk=pk).update(id=UUID(new_pk), code=code)
    Ticket.objects.filter(pk=vectors["revoked"]["id"]).update(status=TicketStatus.REVOKED)
    return as_bearer(make_device(event))


def test_the_file_is_what_the_program_writes(vectors: dict[str, Any]):
    assert make_vectors() == vectors


def test_the_server_judges_each_code_as_a_phone_does(gate: APIClient, vectors: dict[str, Any]):
    judged = []
    with override_settings(TICKET_SIGNING_KEYS=KEYS):
        for each in vectors["codes"]:
            response = gate.post("/tickets/validate", {"code": each["code"]})
            judged.append((each["name"], _result(response)))

    assert judged == [(each["name"], each["result"]) for each in vectors["codes"]]
    assert Ticket.objects.filter(status=TicketStatus.USED).count() == 3
    # A text that cannot be stored is refused before it becomes a scan.
    assert Scan.objects.count() == len(judged) - 1


def _result(response: Any) -> str:
    if response.status_code == 200:
        return str(response.json()["result"])
    # What cannot be a code at all is a bad request.
    return "invalid_code" if response.status_code == 400 else str(response.json()["code"])
