"""Conflicts: which are shown, with which other entry, and which can be acknowledged."""

from datetime import timedelta

import pytest

from events.models import Event
from tests.make import SOMEBODY, make_event, make_ticket
from tests.moments import NOON
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.door import conflicts
from tickets.door.checkin import check_in_ticket
from tickets.door.conflicts import (
    Conflict,
    ConflictNotFound,
    acknowledge_conflict,
    open_conflicts,
)
from tickets.door.scans import ScannedCode, Scanner
from tickets.door.undo import undo_check_in
from tickets.models import Decision, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


def scan(ticket: Ticket, gate: str, minutes: int, code: str = "", *, offline: bool = True) -> None:
    """Scan a ticket, or the code if it is given, at a device that was offline and has admitted."""
    at = NOON + minutes * MINUTE
    decision = Decision.ADMITTED if offline else None
    scanned = ScannedCode(
        new_id(), code or ticket.code, gate, at, event_id=ticket.event_id, decision=decision
    )
    check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=at)


def conflict_of(event: Event) -> Conflict:
    (conflict,) = open_conflicts([event.pk])[event.pk]
    return conflict


def test_a_conflict_is_beside_the_latest_other_entry_that_stands():
    ticket = make_ticket()
    scan(ticket, "North", 0)
    scan(ticket, "South", 1)
    scan(ticket, "West", 2, offline=False)

    conflict = conflict_of(ticket.event)
    undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=NOON + 3 * MINUTE)

    assert conflict.other is not None
    assert (conflict.scan.gate, conflict.other.gate) == ("South", "North")
    assert conflict.is_admission is False
    assert conflict_of(ticket.event).other is None


def test_a_valid_ticket_that_was_let_in_outside_the_hours_is_an_admission():
    kind = make_event(checkin_starts_at=NOON + 5 * MINUTE).ticket_types.get()
    scan(make_ticket(ticket_type=kind), "North", 0)

    assert conflict_of(kind.event).is_admission is True


def test_the_newest_conflicts_of_tickets_of_the_events_are_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(conflicts, "MOST_SHOWN", 1)
    here, elsewhere = make_ticket(), make_ticket()
    for minute, gate in enumerate(["North", "South", "West"]):
        scan(here, gate, minute)
    for minute in (3, 4):
        scan(elsewhere, "North", minute)
    scan(here, "East", 5, "T1:FORGED")

    shown = open_conflicts([here.event_id])

    assert {event: [each.scan.gate for each in found] for event, found in shown.items()} == {
        here.event_id: ["West"]
    }


def test_the_first_who_acknowledges_a_conflict_is_on_record_with_its_gate():
    ticket = make_ticket()
    for minute, gate in enumerate(["North", "South"]):
        scan(ticket, gate, minute)
    conflict = conflict_of(ticket.event).scan

    acknowledge_conflict(
        event_id=ticket.event_id, scan_key=conflict.pk, actor=SOMEBODY, now=NOON + 2 * MINUTE
    )

    conflict.refresh_from_db()
    assert (conflict.acknowledged_at, conflict.acknowledged_by) == (NOON + 2 * MINUTE, "user:1")
    act = Act.objects.get(type="ticket.conflict_acknowledged")
    assert act.details == {"scan": str(conflict.pk), "gate": "South"}
    assert open_conflicts([ticket.event_id]) == {ticket.event_id: []}


def test_an_unknown_conflict_and_one_of_another_event_cannot_be_acknowledged():
    ticket, elsewhere = make_ticket(), make_ticket()
    for minute, gate in enumerate(["North", "South"]):
        scan(elsewhere, gate, minute)

    for scan_key in (new_id(), conflict_of(elsewhere.event).scan.pk):
        with pytest.raises(ConflictNotFound):
            acknowledge_conflict(
                event_id=ticket.event_id, scan_key=scan_key, actor=SOMEBODY, now=NOON
            )

    assert conflict_of(elsewhere.event).scan.acknowledged_at is None


def test_a_conflict_of_no_ticket_cannot_be_acknowledged():
    ticket = make_ticket()
    scan(ticket, "North", 0, "T1:FORGED")

    with pytest.raises(ConflictNotFound):
        acknowledge_conflict(
            event_id=ticket.event_id, scan_key=Scan.objects.get().pk, actor=SOMEBODY, now=NOON
        )

    assert Scan.objects.get().acknowledged_at is None
