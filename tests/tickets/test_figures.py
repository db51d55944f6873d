"""Figures of entries: by gate and by quarter of an hour, with and without slots."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.make import SOMEBODY, make_event, make_ticket
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.door.undo import undo_check_in
from tickets.figures import GateEntries, read_entries
from tickets.models import Scan, Ticket
from tickets.scan_slots import ScanSummary
from tickets.scan_summary import summarize_scans

pytestmark = pytest.mark.django_db(transaction=True)

EIGHT = datetime(2026, 3, 29, 20, tzinfo=UTC)


def scan(
    ticket: Ticket, *, gate: str = "North", at: datetime, recorded_at: datetime | None = None
) -> Scan:
    """Scan a ticket as if it had been at that time."""
    code = ScannedCode(new_id(), ticket.code, gate, at)
    check_in_ticket(scanned=code, scanner=Scanner("token:1"), now=clock.now())
    rows = Scan.objects.filter(scan_id=code.scan_id)
    rows.update(recorded_at=recorded_at or at)
    return rows.get()


@pytest.mark.parametrize("summarized", ["never", "after the entries"])
def test_entries_are_counted_by_gate_and_quarter_of_an_hour(summarized: str):
    kind = make_event().ticket_types.get()
    for minutes, gate in [(1, "North"), (14, "North"), (31, "North"), (16, "South")]:
        scan(make_ticket(ticket_type=kind), gate=gate, at=EIGHT + timedelta(minutes=minutes))
    used = make_ticket(ticket_type=kind)
    for minutes in (2, 3):
        scan(used, at=EIGHT + timedelta(minutes=minutes))
    if summarized == "after the entries":
        summarize_scans(now=EIGHT + timedelta(hours=2))

    entries = read_entries(kind.event)

    assert entries.gates == [GateEntries("North", 4, 1), GateEntries("South", 1, 0)]
    assert entries.starts == [EIGHT + timedelta(minutes=15 * n) for n in range(3)]
    assert entries.series == {"North": [3, 0, 1], "South": [0, 1, 0]}
    assert (entries.admitted, entries.refused) == (5, 1)


@pytest.mark.parametrize("summarized", ["never", "before the undo", "after the undo"])
def test_an_undone_admission_is_taken_off_its_quarter(summarized: str):
    kind = make_event().ticket_types.get()
    scan(make_ticket(ticket_type=kind), at=EIGHT)
    mistaken = make_ticket(ticket_type=kind)
    scan(mistaken, at=EIGHT)
    if summarized == "before the undo":
        summarize_scans(now=EIGHT + timedelta(hours=1))
    Scan.objects.update(recorded_at=clock.now())
    undo_check_in(ticket_id=mistaken.pk, actor=SOMEBODY, now=clock.now())
    Scan.objects.update(recorded_at=EIGHT)
    if summarized == "after the undo":
        summarize_scans(now=clock.now() + timedelta(hours=1))
        summarize_scans(now=clock.now() + timedelta(hours=1))

    assert read_entries(kind.event).series == {"North": [1]}


def test_a_scan_that_an_offline_device_sends_late_counts_when_it_happened():
    kind = make_event().ticket_types.get()
    scan(make_ticket(ticket_type=kind), at=EIGHT)
    summarize_scans(now=EIGHT + timedelta(hours=1))
    scan(
        make_ticket(ticket_type=kind),
        at=EIGHT + timedelta(minutes=1),
        recorded_at=EIGHT + timedelta(hours=3),
    )
    before = read_entries(kind.event)
    summarize_scans(now=EIGHT + timedelta(hours=4))

    assert before.series == {"North": [2]}
    assert read_entries(kind.event) == before


def test_a_guest_whom_an_offline_device_let_in_against_the_rules_is_not_refused():
    ticket = make_ticket()
    scan(ticket, at=EIGHT)
    scan(ticket, at=EIGHT)
    scan(ticket, at=EIGHT)
    refused = Scan.objects.filter(result="already_used")
    refused.filter(pk__in=refused.order_by("pk").values("pk")[:1]).update(conflict=True)

    assert read_entries(ticket.event).gates == [GateEntries("North", 1, 1)]


def test_what_is_recorded_at_the_moment_until_which_slots_are_written_counts_once():
    kind = make_event().ticket_types.get()
    # So the event itself has no slots.
    scan(make_ticket(), at=EIGHT)
    summarize_scans(now=EIGHT + timedelta(hours=1))
    until = ScanSummary.objects.get().written_until
    scan(make_ticket(ticket_type=kind), at=EIGHT, recorded_at=until)
    mistaken = scan(make_ticket(ticket_type=kind), at=EIGHT, recorded_at=until)
    Scan.objects.filter(pk=mistaken.pk).update(undone_at=until)

    assert read_entries(kind.event).gates == [GateEntries("North", 1, 0)]


def test_times_without_an_entry_that_stands_begin_no_series():
    kind = make_event().ticket_types.get()
    mistaken = scan(make_ticket(ticket_type=kind), at=EIGHT)
    Scan.objects.filter(pk=mistaken.pk).update(undone_at=EIGHT)
    scan(make_ticket(ticket_type=kind), at=EIGHT + timedelta(hours=1))

    entries = read_entries(kind.event)

    assert entries.starts == [EIGHT + timedelta(hours=1)]
    assert entries.series == {"North": [1]}


def test_entries_that_are_days_apart_are_shown_around_the_busiest_time():
    kind = make_event().ticket_types.get()
    day = timedelta(days=1)
    for days, gate in [(0, "North"), (3, "North"), (3, "South"), (6, "North")]:
        scan(make_ticket(ticket_type=kind), gate=gate, at=EIGHT + days * day)

    entries = read_entries(kind.event)

    assert (len(entries.starts), entries.starts[0]) == (96, EIGHT + 3 * day - day / 2)
    assert {gate: sum(counts) for gate, counts in entries.series.items()} == {
        "North": 1,
        "South": 1,
    }
    assert entries.admitted == 4


def test_entries_and_conflicts_of_another_event_are_not_counted():
    ticket = make_ticket()
    for _ in range(2):
        scan(ticket, at=EIGHT)
    Scan.objects.filter(result="already_used").update(conflict=True)

    assert read_entries(make_event()).gates == []
