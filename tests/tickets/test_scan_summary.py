"""The slots of scans: each run continues where the one before it ended."""

from datetime import timedelta

import pytest

from tests.make import make_ticket
from tests.moments import NOON
from ticketing.ids import new_id
from tickets import scan_summary
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.models import Ticket
from tickets.scan_slots import ScanSlot, ScanSummary
from tickets.scan_summary import summarize_scans

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def scan(ticket: Ticket, *, minutes: int) -> None:
    at = NOON + minutes * MINUTE
    scanned = ScannedCode(new_id(), ticket.code, "North", at)
    check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=at)


def counted() -> list[tuple[int, int]]:
    return list(ScanSlot.objects.order_by("starts_at").values_list("admitted", "refused"))


def test_the_first_run_goes_from_the_first_scan_to_now_in_steps_of_a_day():
    ticket = make_ticket()
    for minutes in (5, 6, 2 * 24 * 60):
        scan(ticket, minutes=minutes)
    now = NOON + 2 * DAY + 20 * MINUTE

    # Two whole days, and the quarter of an hour after them.
    assert [summarize_scans(now=now) for _ in range(2)] == [3, 0]

    assert counted() == [(1, 1), (0, 1)]
    assert ScanSummary.objects.get().written_until == NOON + 2 * DAY + 15 * MINUTE


def test_a_quarter_of_an_hour_is_counted_two_minutes_after_its_end():
    scan(make_ticket(), minutes=1)
    end = NOON + 15 * MINUTE

    steps = [summarize_scans(now=end + 2 * MINUTE - timedelta(seconds=each)) for each in (1, 0, 0)]

    assert steps == [0, 1, 0]
    assert counted() == [(1, 0)]
    assert ScanSummary.objects.get().written_until == end


def test_a_run_ends_after_its_last_step_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scan_summary, "_MOST_STEPS", 2)
    scan(make_ticket(), minutes=0)
    now = NOON + 3 * DAY + 2 * MINUTE

    assert [summarize_scans(now=now) for _ in range(3)] == [2, 1, 0]


def test_without_scans_slots_begin_now():
    assert summarize_scans(now=NOON + MINUTE) == 0

    assert ScanSummary.objects.get().written_until == NOON
