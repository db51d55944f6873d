"""One scan: who may scan, which codes are looked up, and what a refusal and a retry show."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.make import as_bearer, make_device, make_event, make_paid_order, make_ticket
from tests.moments import NOON
from ticketing import clock
from ticketing.ids import new_id
from ticketing.tokens import digest_token
from tickets.codes import CodeSubject, sign_code
from tickets.door.checkin import UnknownDevice, check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import Device, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def check_in(code: str, scanner: Scanner) -> CheckIn:
    scanned = ScannedCode(new_id(), code, "North", clock.now())
    return check_in_ticket(scanned=scanned, scanner=scanner, now=clock.now())


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


@pytest.mark.parametrize("revoked_at", [NOON, None])
def test_a_device_that_is_revoked_or_unknown_scans_nothing(revoked_at: datetime | None):
    ticket = make_ticket()
    digest = digest_token(make_device(ticket.event))
    Device.objects.update(revoked_at=revoked_at)
    unknown = digest if revoked_at else digest_token("nothing")

    with pytest.raises(UnknownDevice):
        check_in(ticket.code, Scanner(device_digest=unknown))

    assert not Scan.objects.exists()
    ticket.refresh_from_db()
    assert ticket.status == "valid"


def test_a_device_admits_to_its_own_events_and_not_to_others_of_its_organizer():
    ticket = make_ticket()
    other = make_ticket(ticket_type=make_event(organizer=ticket.event.organizer).ticket_types.get())
    scanner, _ = (
        Scanner(device_digest=digest_token(make_device(each.event))) for each in (ticket, other)
    )

    assert check_in(other.code, scanner).result == "wrong_event"
    assert check_in(ticket.code, scanner).result == "admitted"


def test_a_code_signed_for_one_event_admits_no_ticket_of_another():
    ticket, other = make_ticket(), make_event()
    subject = CodeSubject(other.pk, other.number, 1, NOON, other.ends_at)

    attempt = check_in(sign_code(subject, ticket.pk), Scanner("token:1"))

    assert (attempt.result, attempt.ticket, attempt.is_inside) == ("unknown_ticket", None, False)
    ticket.refresh_from_db()
    assert ticket.status == "valid"


def test_the_stored_code_of_a_ticket_needs_no_signature_check(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr("tickets.door.checkin.check_signature")

    ticket = make_ticket()

    assert check_in(ticket.code, Scanner("token:1")).result == "admitted"
    assert Scan.objects.get().event_id == ticket.event_id


def test_a_user_scans_the_chosen_events_beside_those_of_the_own_organizers():
    own, chosen, stranger = make_ticket(), make_ticket(), make_ticket()
    sibling = make_ticket(
        ticket_type=make_event(organizer=chosen.event.organizer).ticket_types.get()
    )
    of_chosen = {chosen.event_id: chosen.event.organizer_id}
    scanner = Scanner("user:1", organizers=(own.event.organizer_id,), chosen_events=of_chosen)

    results = [check_in(ticket.code, scanner).result for ticket in (own, chosen, stranger, sibling)]

    assert results == ["admitted", "admitted", "wrong_event", "wrong_event"]
    # One who scans for all events is not limited by a choice.
    assert (
        check_in(chosen.code, Scanner("token:1", chosen_events=of_chosen)).result == "already_used"
    )


def test_a_code_of_a_dropped_key_is_invalid_also_if_it_is_the_stored_one(settings: Any):
    ticket = make_ticket()
    settings.TICKET_SIGNING_KEYS = {9: "the secret of the only key"}

    assert check_in(ticket.code, Scanner("token:1")).result == "invalid_code"


def test_an_event_is_looked_up_by_the_number_in_a_code_once():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    check_in(first.code, Scanner("token:1"))

    with CaptureQueriesContext(connection) as captured:
        check_in(second.code, Scanner("token:1"))

    assert len(captured) == 1


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
