"""Entries, exits and entries again, by the rule of the event; also reported late and undone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from events.models import Event, Reentry
from tests.make import SOMEBODY, as_bearer, make_device, make_event, make_ticket
from tests.race import locked, race
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.earlier import latest_entry
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.door.undo import LaterScanStands, NotCheckedIn, undo_check_in
from tickets.models import Decision, Direction, Scan, ScanResult, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

# A Sunday in Rio de Janeiro, where it is three hours earlier.
EIGHT = datetime(2027, 1, 10, 23, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENTRY, EXIT = Direction.ENTRY, Direction.EXIT


def ticket_of(rule: str) -> Ticket:
    return make_ticket(ticket_type=make_event(reentry=rule).ticket_types.get())


def check_in(  # noqa: PLR0913 - one argument for each part of a scan
    ticket: Ticket,
    direction: Direction,
    at: datetime,
    *,
    recorded: datetime | None = None,
    decision: Decision | None = None,
    scan_id: Any = None,
    gate: str = "North",
) -> CheckIn:
    """Scan at a time, and report it then or when it is recorded."""
    scanned = ScannedCode(
        scan_id or new_id(), ticket.code, gate, at, direction=direction, decision=decision
    )
    return check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=recorded or at)


def scan(ticket: Ticket, direction: Direction, at: datetime, **others: Any) -> str:
    return check_in(ticket, direction, at, **others).result.value


def inside(ticket: Ticket) -> bool | None:
    ticket.refresh_from_db()
    return ticket.inside


def test_without_re_entry_a_guest_who_has_left_stays_out():
    ticket = ticket_of(Reentry.NEVER)

    results = [scan(ticket, way, EIGHT + n * HOUR) for n, way in enumerate([ENTRY, EXIT, ENTRY])]

    assert results == ["admitted", "exited", "already_used"]
    assert inside(ticket) is False


def test_with_re_entry_each_entry_needs_an_exit_before_it():
    ticket = ticket_of(Reentry.ALWAYS)
    ways = [EXIT, ENTRY, ENTRY, EXIT, EXIT, ENTRY, ENTRY]

    results = [scan(ticket, way, EIGHT + n * HOUR) for n, way in enumerate(ways)]

    assert results == [
        "not_inside", "admitted", "already_used", "exited", "not_inside", "readmitted",
        "already_used",
    ]  # fmt: skip
    ticket.refresh_from_db()
    assert (ticket.used_at, ticket.last_entry_at) == (EIGHT + HOUR, EIGHT + 5 * HOUR)
    assert ticket.inside is True


def test_once_a_day_means_the_day_at_the_venue_and_needs_no_exit():
    ticket = ticket_of(Reentry.ONCE_A_DAY)
    # 20:00, 22:30, and 00:30 on the next day in Rio, which is the same day in UTC.
    times = [EIGHT, EIGHT + 2.5 * HOUR, EIGHT + 4.5 * HOUR]

    assert [scan(ticket, ENTRY, at) for at in times] == ["admitted", "already_used", "readmitted"]


def test_an_entry_of_an_earlier_day_that_is_reported_late_is_let_in_once():
    ticket = ticket_of(Reentry.ONCE_A_DAY)
    scan(ticket, ENTRY, EIGHT + 24 * HOUR)

    late = [scan(ticket, ENTRY, EIGHT, recorded=EIGHT + 25 * HOUR) for _ in range(2)]

    assert late == ["readmitted", "already_used"]
    ticket.refresh_from_db()
    assert ticket.last_entry_at == EIGHT + 24 * HOUR


def test_the_database_refuses_a_second_entry_on_one_day():
    ticket = ticket_of(Reentry.ONCE_A_DAY)
    scan(ticket, ENTRY, EIGHT)
    other = Scan.objects.get()
    other.pk, other.scan_id, other.result = new_id(), new_id(), ScanResult.READMITTED

    with pytest.raises(IntegrityError, match="a_ticket_enters_once_a_day_until_undone"):
        other.save(force_insert=True)


def test_a_ticket_that_the_previous_release_has_admitted_counts_as_inside():
    ticket = ticket_of(Reentry.ALWAYS)
    scan(ticket, ENTRY, EIGHT)
    Ticket.objects.update(inside=None, last_entry_at=None)

    assert scan(ticket, ENTRY, EIGHT + HOUR) == "already_used"
    assert scan(ticket, EXIT, EIGHT + HOUR) == "exited"
    assert scan(ticket, ENTRY, EIGHT + 2 * HOUR) == "readmitted"


@pytest.mark.parametrize(
    ("known", "late", "result", "is_inside"),
    [
        # The exit was seen before the entry that a device without a network had let in.
        ([(EXIT, 1)], (ENTRY, 0), "admitted", False),
        ([(EXIT, 0)], (ENTRY, 1), "admitted", True),
        ([(ENTRY, 0)], (EXIT, 1), "exited", False),
        # It entered, left and entered again: the late exit was in between.
        ([(ENTRY, 0), (EXIT, 2), (ENTRY, 3)], (EXIT, 1), "exited", True),
        ([(ENTRY, 0), (EXIT, 2), (ENTRY, 3)], (ENTRY, 4), "already_used", True),
        # It was inside at that time, also if it has left since.
        ([(ENTRY, 0), (EXIT, 2)], (ENTRY, 1), "already_used", False),
        ([(ENTRY, 0), (EXIT, 2)], (ENTRY, 3), "readmitted", True),
        # The next thing that is known is another entry.
        ([(ENTRY, 1)], (ENTRY, 0), "already_used", True),
        ([(ENTRY, 1)], (EXIT, 0), "not_inside", True),
        # Both were seen at the same moment, and the exit is reported later.
        ([(ENTRY, 1)], (EXIT, 1), "exited", False),
        # The second entry was refused, so the guest did not return by it.
        ([(ENTRY, 0), (ENTRY, 2)], (EXIT, 1), "exited", False),
        # An exit that nobody could explain explains this entry.
        ([(ENTRY, 0), (EXIT, 1), (EXIT, 3)], (ENTRY, 2), "readmitted", False),
    ],
)
def test_a_late_report_is_decided_by_what_came_before_and_after_it(
    known: list[tuple[Direction, int]],
    late: tuple[Direction, int],
    result: str,
    is_inside: bool,  # noqa: FBT001 - an expected value
):
    ticket = ticket_of(Reentry.ALWAYS)
    for way, hour in known:
        scan(ticket, way, EIGHT + hour * HOUR)

    way, hour = late
    attempt = check_in(ticket, way, EIGHT + hour * HOUR, recorded=EIGHT + 9 * HOUR)

    assert attempt.result == result
    ticket.refresh_from_db()
    is_used = ticket.status == "used"
    assert (is_used and ticket.inside) == attempt.is_inside == is_inside


def test_an_undone_or_refused_scan_says_nothing_about_what_is_reported_late():
    at = [EIGHT + timedelta(minutes=minute) for minute in range(6)]
    late = EIGHT + 9 * HOUR
    stayed, left, refused = (ticket_of(Reentry.ALWAYS) for _ in range(3))
    # Its exit was undone: the guest was inside.
    scan(stayed, ENTRY, at[0])
    scan(stayed, EXIT, at[1])
    undo(stayed, at[2])
    # Its second entry was undone: the guest is outside.
    for minute, way in enumerate([ENTRY, EXIT, ENTRY]):
        scan(left, way, at[2 * minute])
    undo(left, at[5])
    # A device refused its second entry: the guest was outside.
    scan(refused, ENTRY, at[0])
    scan(refused, EXIT, at[1])
    turned_away = scan(refused, ENTRY, at[2], recorded=at[3], decision=Decision.REFUSED)

    assert scan(stayed, ENTRY, at[3], recorded=late) == "already_used"
    exit_ = check_in(left, EXIT, at[1], recorded=late)
    assert (exit_.result, exit_.is_inside) == ("exited", False)
    assert turned_away == "turned_away"
    assert scan(refused, ENTRY, at[4], recorded=late) == "readmitted"


def test_an_exit_after_midnight_takes_no_entry_of_the_new_day():
    ticket = ticket_of(Reentry.ONCE_A_DAY)
    # 20:00, then 00:30 and 01:00 on the next day in Rio.
    scan(ticket, ENTRY, EIGHT)
    scan(ticket, EXIT, EIGHT + 4.5 * HOUR)

    assert scan(ticket, ENTRY, EIGHT + 5 * HOUR) == "readmitted"


def test_the_gate_of_a_ticket_is_the_one_of_its_latest_entry_in_whatever_order_they_are_reported():
    ticket, at_once = (ticket_of(Reentry.ALWAYS) for _ in range(2))
    scan(ticket, ENTRY, EIGHT)
    for hour, way in ((1, EXIT), (3, EXIT), (4, ENTRY)):
        scan(ticket, way, EIGHT + hour * HOUR, gate="South")
    # All at one moment by the clocks of the devices.
    for way, gate in ((ENTRY, "North"), (EXIT, "North"), (ENTRY, "South")):
        scan(at_once, way, EIGHT, gate=gate)

    late = scan(ticket, ENTRY, EIGHT + 2 * HOUR, recorded=EIGHT + 5 * HOUR, gate="East")

    assert late == "readmitted"
    gates = Ticket.objects.values_list("entry_gate", flat=True)
    assert list(gates) == ["South", "South"]


def test_guests_leave_an_event_that_was_cancelled_and_nobody_enters():
    inside_, outside = (ticket_of(Reentry.NEVER) for _ in range(2))
    scan(inside_, ENTRY, EIGHT)
    Event.objects.update(status="cancelled")

    assert scan(inside_, EXIT, EIGHT + HOUR) == "exited"
    assert scan(outside, ENTRY, EIGHT + HOUR) == "event_cancelled"


def test_an_exit_and_a_late_report_wait_for_another_scan_of_the_ticket_and_a_usual_entry_does_not():
    used, unused = (ticket_of(Reentry.NEVER) for _ in range(2))
    scan(used, ENTRY, EIGHT)

    with locked(used):
        assert scan(used, ENTRY, EIGHT + HOUR) == "already_used"
        with pytest.raises(OperationalError, match="lock timeout"):
            scan(used, ENTRY, EIGHT + HOUR, recorded=EIGHT + 2 * HOUR)
    with locked(unused), pytest.raises(OperationalError, match="lock timeout"):
        scan(unused, EXIT, EIGHT)


@pytest.mark.parametrize("rule", Reentry.values)
def test_one_ticket_at_twenty_gates_at_once_enters_once(rule: str):
    ticket = ticket_of(rule)

    results = race(*[lambda: scan(ticket, ENTRY, EIGHT)] * 20)

    assert sorted(map(str, results)) == ["admitted"] + ["already_used"] * 19


def test_of_many_entries_and_exits_at_once_no_two_entries_follow_each_other():
    ticket = ticket_of(Reentry.ALWAYS)
    scan(ticket, ENTRY, EIGHT)
    at = EIGHT + HOUR

    results = race(*[lambda: scan(ticket, ENTRY, at), lambda: scan(ticket, EXIT, at)] * 8)

    errors = [result for result in results if isinstance(result, Exception)]
    assert errors == []
    more_entries = results.count("readmitted")
    assert results.count("exited") - more_entries in {0, 1}
    assert inside(ticket) is (results.count("exited") == more_entries)


def test_a_ticket_returns_through_one_gate_only():
    ticket = ticket_of(Reentry.ALWAYS)
    scan(ticket, ENTRY, EIGHT)
    scan(ticket, EXIT, EIGHT + HOUR)

    results = race(*[lambda: scan(ticket, ENTRY, EIGHT + 2 * HOUR)] * 10)

    assert sorted(map(str, results)) == ["already_used"] * 9 + ["readmitted"]


# --- What an offline device has decided -------------------------------------------------------


def test_a_second_entry_that_an_offline_device_let_in_is_a_conflict_and_no_admission():
    ticket = ticket_of(Reentry.NEVER)
    scan(ticket, ENTRY, EIGHT)

    attempt = check_in(
        ticket, ENTRY, EIGHT - HOUR, recorded=EIGHT + HOUR, decision=Decision.ADMITTED
    )

    assert (attempt.result, attempt.is_conflict) == ("already_used", True)
    assert Scan.objects.filter(result="admitted").count() == 1
    assert Scan.objects.get(conflict=True).decision == "admitted"


def test_an_exit_that_an_offline_device_let_through_is_no_conflict():
    ticket = ticket_of(Reentry.NEVER)
    scan(ticket, ENTRY, EIGHT)

    left, unknown = (
        check_in(ticket, EXIT, at, recorded=EIGHT + 3 * HOUR, decision=Decision.ADMITTED)
        for at in (EIGHT + HOUR, EIGHT - HOUR)
    )

    assert (left.result, left.is_conflict) == ("exited", False)
    assert (unknown.result, unknown.is_conflict) == ("not_inside", False)


def test_a_guest_whom_an_offline_device_refused_is_not_admitted_by_the_server():
    ticket = ticket_of(Reentry.NEVER)

    attempt = check_in(ticket, ENTRY, EIGHT, recorded=EIGHT + HOUR, decision=Decision.REFUSED)

    assert (attempt.result, attempt.is_conflict) == ("turned_away", False)
    assert scan(ticket, ENTRY, EIGHT + 2 * HOUR) == "admitted"


def test_a_valid_ticket_that_entered_offline_before_the_door_opened_is_used_and_a_conflict():
    event = make_event(checkin_starts_at=EIGHT)
    ticket = make_ticket(ticket_type=event.ticket_types.get())

    attempt = check_in(ticket, ENTRY, EIGHT - HOUR, recorded=EIGHT, decision=Decision.ADMITTED)

    assert (attempt.result, attempt.is_conflict) == ("admitted", True)
    assert scan(ticket, ENTRY, EIGHT) == "already_used"


def test_a_device_that_lost_the_refusal_and_let_the_guest_in_reports_the_conflict_once():
    ticket, scan_id = ticket_of(Reentry.NEVER), new_id()
    scan(ticket, ENTRY, EIGHT)
    scan(ticket, ENTRY, EIGHT + HOUR, scan_id=scan_id)
    late = EIGHT + 2 * HOUR

    first, second = (
        check_in(ticket, ENTRY, late, scan_id=scan_id, decision=decision)
        for decision in (Decision.ADMITTED, Decision.REFUSED)
    )

    assert (first.result, first.is_conflict) == ("already_used", True)
    assert (second.result, second.is_conflict) == ("already_used", True)
    assert Scan.objects.get(scan_id=scan_id).decision == "admitted"


def test_an_admission_whose_response_was_lost_is_no_conflict():
    ticket, scan_id = ticket_of(Reentry.NEVER), new_id()
    scan(ticket, ENTRY, EIGHT, scan_id=scan_id)

    again = check_in(
        ticket, ENTRY, EIGHT, recorded=EIGHT + HOUR, scan_id=scan_id, decision=Decision.ADMITTED
    )

    assert (again.result, again.is_conflict) == ("admitted", False)
    assert Scan.objects.count() == 1


# --- Undo ------------------------------------------------------------------------------------


def undo(ticket: Ticket, at: datetime, scan_id: Any = None) -> Scan:
    return undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=at, scan_id=scan_id)


def test_an_undone_exit_leaves_the_guest_inside_and_a_repeat_undoes_no_more():
    ticket = ticket_of(Reentry.ALWAYS)
    scan(ticket, ENTRY, EIGHT)
    scan(ticket, EXIT, EIGHT + timedelta(minutes=1))

    first, second = (undo(ticket, EIGHT + timedelta(minutes=2)) for _ in range(2))

    assert first == second
    assert first.result == ScanResult.EXITED
    assert inside(ticket) is True
    assert scan(ticket, ENTRY, EIGHT + timedelta(minutes=3)) == "already_used"


def test_an_undone_second_entry_leaves_the_guest_outside():
    ticket = ticket_of(Reentry.ALWAYS)
    for minute, way in enumerate([ENTRY, EXIT, ENTRY]):
        scan(ticket, way, EIGHT + timedelta(minutes=minute))

    assert undo(ticket, EIGHT + timedelta(minutes=4)).result == ScanResult.READMITTED

    ticket.refresh_from_db()
    assert (ticket.status, ticket.inside, ticket.last_entry_at) == ("used", False, EIGHT)
    assert scan(ticket, ENTRY, EIGHT + timedelta(minutes=5)) == "readmitted"


def test_what_stands_after_an_undo_are_the_passages_of_that_ticket():
    ticket, other = ticket_of(Reentry.ALWAYS), ticket_of(Reentry.ALWAYS)
    at = [EIGHT + timedelta(minutes=minute) for minute in range(6)]
    scan(ticket, ENTRY, at[0])
    scan(ticket, EXIT, at[1])
    assert scan(ticket, ENTRY, at[2], decision=Decision.REFUSED) == "turned_away"
    scan(ticket, ENTRY, at[3])
    scan(other, ENTRY, at[4])

    undo(ticket, at[5])

    ticket.refresh_from_db()
    assert (ticket.inside, ticket.last_entry_at) == (False, EIGHT)
    found = latest_entry(ticket.pk)
    assert found is not None
    assert found.scanned_at == EIGHT


def test_of_scans_that_were_reported_together_the_latest_is_undone_and_a_repeat_undoes_no_more():
    ticket, recorded = ticket_of(Reentry.ALWAYS), EIGHT + HOUR
    # The device sends an exit last that was not the last one.
    for minute, way in ((0, ENTRY), (2, EXIT), (3, ENTRY), (1, EXIT)):
        check_in(ticket, way, EIGHT + timedelta(minutes=minute), recorded=recorded)

    first, second = (undo(ticket, recorded) for _ in range(2))

    assert first == second
    assert first.scanned_at == EIGHT + timedelta(minutes=3)


def test_named_scans_are_undone_from_the_latest_to_the_first():
    ticket = ticket_of(Reentry.ALWAYS)
    entry, exit_ = new_id(), new_id()
    scan(ticket, ENTRY, EIGHT, scan_id=entry)
    scan(ticket, EXIT, EIGHT + timedelta(minutes=1), scan_id=exit_)
    now = EIGHT + timedelta(minutes=2)

    with pytest.raises(LaterScanStands):
        undo(ticket, now, entry)
    with pytest.raises(NotCheckedIn):
        undo(ticket, now, new_id())
    undone = [undo(ticket, now, scan_id).scan_id for scan_id in (exit_, exit_, entry)]

    assert undone == [exit_, exit_, entry]
    ticket.refresh_from_db()
    assert (ticket.status, ticket.inside) == ("valid", None)
    assert scan(ticket, ENTRY, EIGHT + timedelta(minutes=3)) == "admitted"


def test_an_undone_entry_frees_its_day():
    ticket = ticket_of(Reentry.ONCE_A_DAY)
    scan(ticket, ENTRY, EIGHT)
    scan(ticket, ENTRY, EIGHT + 24 * HOUR)
    undo(ticket, EIGHT + 24 * HOUR)

    assert inside(ticket) is True
    assert scan(ticket, ENTRY, EIGHT + 24 * HOUR) == "readmitted"


# --- Over HTTP --------------------------------------------------------------------------------


def test_the_response_says_whether_the_guest_enters_again_and_is_inside():
    ticket = ticket_of(Reentry.ALWAYS)
    door = as_bearer(make_device(ticket.event))

    def seen(**members: Any) -> tuple[str, bool, bool]:
        shown = door.post("/tickets/validate", {"code": ticket.code, **members}).json()
        return shown["result"], shown["again"], shown["inside"]

    assert seen() == ("admitted", False, True)
    assert seen(direction="exit") == ("exited", False, False)
    assert seen(direction="entry") == ("admitted", True, True)


def test_a_refusal_shows_the_latest_entry_beside_the_first_scan():
    ticket = ticket_of(Reentry.ALWAYS)
    north, south = (as_bearer(make_device(ticket.event, gate=gate)) for gate in ("North", "South"))
    body = {"code": ticket.code}
    north.post("/tickets/validate", body)
    left = north.post("/tickets/validate", {**body, "direction": "exit"}).json()
    not_inside = north.post("/tickets/validate", {**body, "direction": "exit"}).json()
    south.post("/tickets/validate", body)

    refused = north.post("/tickets/validate", body).json()

    assert (not_inside["code"], not_inside["last_exit"]["at"]) == ("not_inside", left["used_at"])
    assert (refused["first_scan"]["gate"], refused["last_entry"]["gate"]) == ("North", "South")


def test_a_conflict_is_told_to_the_device_that_reports_it():
    ticket = ticket_of(Reentry.NEVER)
    door = as_bearer(make_device(ticket.event))
    door.post("/tickets/validate", {"code": ticket.code})
    earlier = (clock.now() - HOUR).isoformat()

    refused = door.post(
        "/tickets/validate",
        {"code": ticket.code, "scanned_at": earlier, "decision": "admitted"},
    )

    assert (refused.status_code, refused.json()["code"]) == (409, "already_used")
    assert refused.json()["conflict"] is True


def test_an_undo_over_http_may_name_its_scan():
    ticket = ticket_of(Reentry.NEVER)
    token = make_device(ticket.event)
    ticket.event.devices.update(is_supervisor=True)
    door, scan_id = as_bearer(token), str(new_id())
    door.post("/tickets/validate", {"code": ticket.code, "scan_id": scan_id})
    path = f"/tickets/{ticket.pk}/checkin/undo"

    assert door.post(path, {"scan_id": str(new_id())}).json()["code"] == "not_checked_in"
    undone = door.post(path, {"scan_id": scan_id}).json()

    assert (undone["status"], undone["scan_id"]) == ("valid", scan_id)


@pytest.mark.parametrize("member", [{"direction": "out"}, {"direction": ""}, {"decision": "maybe"}])
def test_an_unknown_direction_or_decision_is_an_error_of_that_member(member: dict[str, str]):
    ticket = ticket_of(Reentry.NEVER)
    door = as_bearer(make_device(ticket.event))

    problem = door.post("/tickets/validate", {"code": ticket.code, **member})

    assert problem.status_code == 400
    assert [error["pointer"] for error in problem.json()["errors"]] == [f"#/{next(iter(member))}"]
    assert not Scan.objects.exists()
