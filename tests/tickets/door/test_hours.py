"""The hours of the door: scans before and after them are refused, and recorded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from events.models import Event
from tests.make import SOMEBODY, as_bearer, as_organizer, make_device, make_event, make_ticket
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.models import Scan, Ticket
from tickets.replacement import revoke_ticket

pytestmark = pytest.mark.django_db(transaction=True)

OPENS = datetime(2027, 1, 10, 20, 0, tzinfo=UTC)
CLOSES = datetime(2027, 1, 11, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def ticket_with_hours(opens: datetime | None, closes: datetime | None) -> Ticket:
    event = make_event(checkin_starts_at=opens, checkin_ends_at=closes)
    return make_ticket(ticket_type=event.ticket_types.get())


def scan_at(ticket: Ticket, at: datetime, *, now: datetime | None = None) -> str:
    scanned = ScannedCode(new_id(), ticket.code, "North", at)
    seen = check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=now or at)
    return seen.result.value


@pytest.mark.parametrize(
    ("at", "result"),
    [
        (OPENS - SECOND, "not_yet_open"),
        (OPENS, "admitted"),
        (CLOSES - SECOND, "admitted"),
        (CLOSES, "closed"),
    ],
)
def test_tickets_are_admitted_from_the_start_of_check_in_until_its_end(at: datetime, result: str):
    assert scan_at(ticket_with_hours(OPENS, CLOSES), at) == result
    assert Scan.objects.get().result == result


@pytest.mark.parametrize("hours", [(None, None), (None, CLOSES), (OPENS, None)])
def test_a_start_or_an_end_that_is_not_set_refuses_no_ticket(
    hours: tuple[datetime | None, datetime | None],
):
    ticket = ticket_with_hours(*hours)
    at = OPENS - 300 * SECOND if hours[0] is None else CLOSES + 300 * SECOND

    assert scan_at(ticket, at) == "admitted"


def test_a_revoked_or_used_ticket_is_refused_as_such_also_outside_the_hours():
    revoked, used = ticket_with_hours(OPENS, CLOSES), ticket_with_hours(OPENS, CLOSES)
    revoke_ticket(ticket_id=revoked.pk, actor=SOMEBODY, now=clock.now())
    scan_at(used, OPENS)

    assert scan_at(revoked, OPENS - SECOND) == "revoked"
    assert [scan_at(used, OPENS - SECOND), scan_at(used, CLOSES)] == ["already_used"] * 2


def test_a_late_report_by_an_offline_device_is_decided_by_the_time_of_its_scan():
    ticket = ticket_with_hours(OPENS, CLOSES)

    assert scan_at(ticket, OPENS, now=CLOSES + 3600 * SECOND) == "admitted"


def scan_by_device(ticket: Ticket, **fields: Any) -> Any:
    door = as_bearer(make_device(ticket.event))
    return door.post("/tickets/validate", {"code": ticket.code, **fields})


def test_a_refusal_before_the_door_opens_shows_the_start_in_the_events_time_zone():
    opens = (clock.now() + timedelta(days=30)).replace(minute=0, second=0, microsecond=0)
    ticket = ticket_with_hours(opens, None)

    # The server replaces a `scanned_at` in the future by the present.
    later = (clock.now() + timedelta(minutes=4)).isoformat()
    for response in (scan_by_device(ticket), scan_by_device(ticket, scanned_at=later)):
        problem = response.json()
        local = opens.astimezone(ticket.event.starts_at.tzinfo) - timedelta(hours=3)
        assert (response.status_code, problem["code"]) == (409, "not_yet_open")
        assert (
            problem["detail"] == f"Check-in starts at {local:%Y-%m-%d %H:%M} (America/Sao_Paulo)."
        )
        assert problem["checkin_starts_at"] == f"{local:%Y-%m-%dT%H:%M:%S}-03:00"


def test_a_refusal_after_the_door_has_closed_shows_the_end():
    closed = clock.now() - timedelta(hours=1)
    problem = scan_by_device(ticket_with_hours(None, closed)).json()

    assert problem["code"] == "closed"
    assert datetime.fromisoformat(problem["checkin_ends_at"]) == closed


def test_a_retry_of_a_scan_outside_the_hours_gets_the_same_refusal():
    ticket = ticket_with_hours(clock.now() + timedelta(days=1), None)
    door = as_bearer(make_device(ticket.event))
    body = {"code": ticket.code, "scan_id": str(new_id())}

    first, second = (door.post("/tickets/validate", body).json() for _ in range(2))

    assert first["detail"] == second["detail"]
    assert Scan.objects.count() == 1


def test_organizers_set_and_clear_the_hours_by_the_api():
    event = make_event()
    client, path = as_organizer(event), f"/events/{event.pk}"
    hours = {
        "checkin_starts_at": "2027-01-10T17:00:00-03:00",
        "checkin_ends_at": "2027-01-11T02:00:00-03:00",
    }

    shown = client.patch(path, hours, format="json").json()
    assert {name: shown[name] for name in hours} == hours
    wrong = client.patch(path, {"checkin_ends_at": hours["checkin_starts_at"]}, format="json")
    assert wrong.json()["errors"][0]["pointer"] == "#/checkin_ends_at"
    cleared = client.patch(path, dict.fromkeys(hours), format="json").json()
    assert {cleared[name] for name in hours} == {None}


def test_the_database_refuses_hours_that_end_before_they_start():
    event = make_event()

    with pytest.raises(IntegrityError, match="checkin_ends_after_it_starts"):
        Event.objects.filter(pk=event.pk).update(checkin_starts_at=CLOSES, checkin_ends_at=OPENS)
