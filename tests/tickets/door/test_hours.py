"""The hours of the door: before and after them no gate opens, and the record says why."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from events.models import Event
from tests.make import SOMEBODY, as_bearer, as_organizer, make_device, make_event, make_ticket
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import ScannedCode, Scanner, check_in_ticket
from tickets.models import Scan, Ticket
from tickets.replacement import revoke_ticket

pytestmark = pytest.mark.django_db(transaction=True)

OPENS = datetime(2027, 1, 10, 20, 0, tzinfo=UTC)
CLOSES = datetime(2027, 1, 11, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def ticket_of_hours(opens: datetime | None, closes: datetime | None) -> Ticket:
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
def test_a_door_is_open_from_its_start_until_its_end(at: datetime, result: str):
    assert scan_at(ticket_of_hours(OPENS, CLOSES), at) == result
    assert Scan.objects.get().result == result


@pytest.mark.parametrize("hours", [(None, None), (None, CLOSES), (OPENS, None)])
def test_an_hour_that_is_not_set_closes_nothing(
    hours: tuple[datetime | None, datetime | None],
):
    ticket = ticket_of_hours(*hours)
    at = OPENS - 300 * SECOND if hours[0] is None else CLOSES + 300 * SECOND

    assert scan_at(ticket, at) == "admitted"


def test_a_dead_ticket_is_told_so_before_the_hours():
    revoked, used = ticket_of_hours(OPENS, CLOSES), ticket_of_hours(OPENS, CLOSES)
    revoke_ticket(ticket_id=revoked.pk, actor=SOMEBODY, now=clock.now())
    scan_at(used, OPENS)

    assert scan_at(revoked, OPENS - SECOND) == "revoked"
    assert [scan_at(used, OPENS - SECOND), scan_at(used, CLOSES)] == ["already_used"] * 2


def test_what_a_device_admitted_in_time_while_offline_counts_by_its_scan():
    ticket = ticket_of_hours(OPENS, CLOSES)

    assert scan_at(ticket, OPENS, now=CLOSES + 3600 * SECOND) == "admitted"


def refusal(ticket: Ticket, **more: Any) -> Any:
    door = as_bearer(make_device(ticket.event))
    return door.post("/tickets/validate", {"code": ticket.code, **more})


def test_a_scan_before_the_door_opens_is_told_when_in_the_events_zone():
    opens = (clock.now() + timedelta(days=30)).replace(minute=0, second=0, microsecond=0)
    ticket = ticket_of_hours(opens, None)

    # A claim to have scanned later is not believed.
    later = (clock.now() + timedelta(minutes=4)).isoformat()
    for answer in (refusal(ticket), refusal(ticket, scanned_at=later)):
        told = answer.json()
        local = opens.astimezone(ticket.event.starts_at.tzinfo) - timedelta(hours=3)
        assert (answer.status_code, told["code"]) == (409, "not_yet_open")
        assert told["detail"] == (f"Check-in starts at {local:%Y-%m-%d %H:%M} (America/Sao_Paulo).")
        assert told["checkin_starts_at"] == f"{local:%Y-%m-%dT%H:%M:%S}-03:00"


def test_a_scan_after_the_door_has_closed_is_told_when():
    closed = clock.now() - timedelta(hours=1)
    told = refusal(ticket_of_hours(None, closed)).json()

    assert told["code"] == "closed"
    assert datetime.fromisoformat(told["checkin_ends_at"]) == closed


def test_a_refusal_by_the_hours_is_repeated_word_for_word():
    ticket = ticket_of_hours(clock.now() + timedelta(days=1), None)
    door = as_bearer(make_device(ticket.event))
    body = {"code": ticket.code, "scan_id": str(new_id())}

    first, second = (door.post("/tickets/validate", body).json() for _ in range(2))

    assert first["detail"] == second["detail"]
    assert Scan.objects.count() == 1


def test_organizers_set_the_hours_by_the_api_and_take_them_away_again():
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
