"""A refusal shows the first scan of a used ticket; a retry gets the stored response."""

from datetime import timedelta

import pytest

from tests.make import as_bearer, make_device, make_paid_order, make_ticket
from ticketing import clock
from ticketing.ids import new_id
from tickets.models import Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_scan_in_a_refusal_is_the_one_that_admitted_the_ticket():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    north, south = (as_bearer(make_device(first.event, gate=gate)) for gate in ("North", "South"))
    # The ticket is refused first, then admitted and undone once.
    first.event.checkin_starts_at = clock.now() + timedelta(hours=1)
    first.event.save(update_fields=["checkin_starts_at"])
    assert north.post("/tickets/validate", {"code": first.code}).json()["code"] == "not_yet_open"
    first.event.checkin_starts_at = None
    first.event.save(update_fields=["checkin_starts_at"])
    north.post("/tickets/validate", {"code": second.code})
    north.post("/tickets/validate", {"code": first.code})
    Scan.objects.filter(ticket=first, result="admitted").update(undone_at=clock.now())
    Ticket.objects.filter(pk=first.pk).update(status="valid", used_at=None)
    admitted = south.post("/tickets/validate", {"code": first.code}).json()

    refused = north.post("/tickets/validate", {"code": first.code}).json()

    assert refused["first_scan"] == {
        "at": admitted["used_at"], "gate": "South", "device": "Scanner South",
    }  # fmt: skip


def test_the_response_to_a_repeated_scan_id_is_stored_under_the_new_key_too():
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))
    scan = {"code": ticket.code, "scan_id": str(new_id())}
    first = door.post("/tickets/validate", scan, headers={"Idempotency-Key": "first"})
    second = door.post("/tickets/validate", scan, headers={"Idempotency-Key": "second"})
    again = door.post("/tickets/validate", scan, headers={"Idempotency-Key": "second"})

    assert first.json() == second.json() == again.json()
    assert "Idempotent-Replayed" not in second.headers
    assert again.headers["Idempotent-Replayed"] == "true"
