"""Figures of a door by gate and ticket type, through exits, undo, uploads and conflicts."""

from datetime import timedelta
from typing import Any

import pytest

from events.models import Event
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_device,
    make_event,
    make_paid_order,
    make_ticket,
    make_ticket_type,
)
from ticketing import clock
from ticketing.ids import new_id
from ticketing.tokens import digest_token
from tickets.door.checkin import check_in_ticket
from tickets.door.counts import DoorCounts, Figures, count_doors
from tickets.door.scans import ScannedCode, Scanner
from tickets.door.undo import undo_check_in
from tickets.models import Device, Scan, Ticket
from tickets.refund import refund_order
from tickets.scan_slots import ScanSummary
from tickets.scan_summary import summarize_scans

pytestmark = pytest.mark.django_db(transaction=True)


class Door:
    """An event with two types, two gates and their devices."""

    def __init__(self, **fields: Any) -> None:
        self.event = make_event(**fields)
        self.vip = make_ticket_type(event=self.event, name="VIP")
        self.north = as_bearer(make_device(self.event))
        self.south = as_bearer(make_device(self.event, gate="South"))
        Device.objects.filter(gate="North").update(is_supervisor=True)

    def tickets(self, name: str, quantity: int) -> list[Ticket]:
        kind = self.event.ticket_types.get(name=name)
        order = make_paid_order(ticket_type=kind, quantity=quantity)
        return list(Ticket.objects.of_order(order.pk))

    def counts(self) -> DoorCounts:
        return count_doors([self.event.pk], now=clock.now())[self.event.pk]

    def figures(self) -> dict[tuple[str, str], Figures]:
        """Return the figures of each type at each gate, checked against all sums."""
        counts = self.counts()
        cells = {
            (gate.gate, kind.name): kind.figures for gate in counts.gates for kind in gate.types
        }
        for gate in counts.gates:
            assert gate.figures == sum((kind.figures for kind in gate.types), Figures())
        for kind in counts.types:
            found = (figures for (_, name), figures in cells.items() if name == kind.name)
            assert kind.figures == sum(found, Figures())
        assert counts.total == sum(cells.values(), Figures())
        return cells


def scan(device: Any, ticket: Ticket, **members: Any) -> str:
    answer = device.post("/tickets/validate", {"code": ticket.code, **members}).json()
    return str(answer.get("result") or answer["code"])


def upload(device: Any, *scans: tuple[str, int], decision: str = "admitted") -> list[str]:
    """Upload codes that the device has admitted so many minutes ago."""
    sent = [
        {
            "scan_id": str(new_id()),
            "code": code,
            "scanned_at": (clock.now() - timedelta(minutes=minutes)).isoformat(),
            "decision": decision,
        }
        for code, minutes in scans
    ]
    shown = device.post("/door/scans", {"scans": sent}).json()["results"]
    return [each["result"] for each in shown]


def test_figures_are_exact_by_gate_and_type_through_exits_undo_and_uploads():
    door = Door(reentry="always")
    leaves, twice = door.tickets("Pista", 2)
    undone, _unused = door.tickets("VIP", 2)
    for device, ticket in ((door.north, leaves), (door.south, leaves), (door.north, undone)):
        scan(device, ticket)
    scan(door.north, leaves, direction="exit")
    door.north.post(f"/tickets/{undone.pk}/checkin/undo")
    # The guest of the undone admission enters by the other gate, and one ticket by both.
    upload(door.south, (twice.code, 9), (undone.code, 8))
    upload(door.north, (twice.code, 7))

    live = door.figures()
    summarize_scans(now=clock.now() + timedelta(hours=1))

    assert (
        door.figures()
        == live
        == {
            ("North", "Pista"): Figures(admitted=1, conflicts=1),
            ("South", "Pista"): Figures(admitted=1, refused=1, inside=1),
            ("South", "VIP"): Figures(admitted=1, inside=1),
        }
    )
    assert [(kind.name, kind.sold, kind.figures.admitted) for kind in door.counts().types] == [
        ("Pista", 2, 2),
        ("VIP", 2, 1),
    ]


def test_what_happens_at_the_moment_until_which_slots_are_written_counts_once():
    door, elsewhere = Door(), Door()
    scan(elsewhere.north, *elsewhere.tickets("Pista", 1))
    summarize_scans(now=clock.now() + timedelta(hours=1))
    until = ScanSummary.objects.get().written_until
    _entered, undone = (tickets := door.tickets("Pista", 2))
    for ticket in tickets:
        scan(door.north, ticket)
    undo_check_in(ticket_id=undone.pk, actor=SOMEBODY, now=clock.now())
    Scan.objects.filter(event=door.event).update(recorded_at=until)
    Scan.objects.exclude(undone_at=None).update(undone_at=until)

    assert door.figures() == {("North", "Pista"): Figures(admitted=1, inside=1)}


def test_a_guest_counts_at_the_gate_of_the_latest_entry_until_leaving_by_any_gate():
    door = Door(reentry="always")
    (guest,) = door.tickets("Pista", 1)

    def inside() -> dict[str, int]:
        return {gate: figures.inside for (gate, _), figures in door.figures().items()}

    scan(door.north, guest)
    entered = inside()
    scan(door.south, guest, direction="exit")
    left = inside()
    scan(door.south, guest)
    again = inside()
    undo_check_in(ticket_id=guest.pk, actor=SOMEBODY, now=clock.now())
    undo_check_in(
        ticket_id=guest.pk,
        actor=SOMEBODY,
        now=clock.now(),
        scan_id=Scan.objects.get(result="exited").scan_id,
    )

    assert (entered, left) == ({"North": 1}, {"North": 0})
    assert again == {"North": 0, "South": 1}
    assert inside() == {"North": 1}
    assert door.counts().admitted == 1


def test_an_entry_that_is_reported_late_moves_nobody_to_an_earlier_gate():
    door = Door(reentry="always")
    (guest,) = door.tickets("Pista", 1)
    scan(door.north, guest)
    scan(door.north, guest, direction="exit")
    scan(door.north, guest)
    Scan.objects.filter(result="admitted").update(scanned_at=clock.now() - timedelta(hours=3))
    Scan.objects.filter(result="exited").update(scanned_at=clock.now() - timedelta(hours=2))

    # Meanwhile the guest has come in and gone out by the other gate.
    exits = {"code": guest.code, "direction": "exit", "scan_id": str(new_id())}
    scanned_at = (clock.now() - timedelta(minutes=50)).isoformat()
    door.south.post("/door/scans", {"scans": [{**exits, "scanned_at": scanned_at}]})
    told = upload(door.south, (guest.code, 60))

    assert told == ["admitted"]
    assert Scan.objects.filter(result="readmitted", gate="South").count() == 1
    assert {gate: figures.inside for (gate, _), figures in door.figures().items()} == {
        "North": 1,
        "South": 0,
    }


@pytest.mark.parametrize("named", [False, True])
def test_codes_of_no_ticket_of_the_event_are_refused_without_a_type(named: bool):  # noqa: FBT001
    door = Door()
    of_another_event = make_ticket()
    body = {"event": str(door.event.pk)} if named else {}
    for code in ("T1:FORGED", of_another_event.code):
        door.north.post("/tickets/validate", {"code": code, **body})

    live = door.figures()
    summarize_scans(now=clock.now() + timedelta(hours=1))

    assert door.figures() == live == {("North", ""): Figures(refused=2)}
    assert door.counts().no_type == Figures(refused=2)
    assert (
        as_organizer(of_another_event.event)
        .get(f"/events/{of_another_event.event_id}/attendance")
        .json()["refused"]
        == 0
    )


def test_a_code_of_no_event_counts_at_the_door_that_closes_next():
    now = clock.now()
    over, tonight, later, draft = (
        make_event(
            name=name,
            status=status,
            starts_at=now + timedelta(hours=start),
            ends_at=now + timedelta(hours=start + 4),
        )
        for name, start, status in (
            ("Over", 1, "published"),
            ("Tonight", 2, "published"),
            ("Later", 3, "published"),
            ("Draft", 1, "draft"),
        )
    )
    Event.objects.exclude(pk=over.pk).update(organizer=over.organizer)
    Event.objects.filter(pk=over.pk).update(checkin_ends_at=now)
    device = Scanner(device_digest=digest_token(make_device(over, tonight, later, draft)))

    forged = ScannedCode(new_id(), "T1:FORGED", "", now)
    check_in_ticket(scanned=forged, scanner=device, now=now)

    assert Scan.objects.get().event_id == tonight.pk


def test_a_party_counts_each_of_its_tickets():
    door = Door()
    tickets = door.tickets("VIP", 3)
    body = {"code": tickets[0].code, "scan_ids": [str(new_id()) for _ in tickets]}

    door.south.post("/door/parties", body)

    assert door.figures() == {("South", "VIP"): Figures(admitted=3, inside=3)}


def test_a_guest_who_was_let_in_against_the_rules_is_no_refusal_in_the_report_either():
    door = Door()
    (twice,) = door.tickets("Pista", 1)
    upload(door.north, (twice.code, 9))
    upload(door.south, (twice.code, 8), ("T1:FORGED", 7))
    scan(door.north, twice)

    report = as_organizer(door.event).get(f"/events/{door.event.pk}/attendance").json()

    counts = door.counts()
    assert counts.total == Figures(admitted=1, refused=1, conflicts=2, inside=1)
    assert {name: report[name] for name in ("admitted", "refused", "conflicts", "inside")} == {
        "admitted": 1, "refused": 1, "conflicts": 2, "inside": 1,
    }  # fmt: skip
    assert report["no_type"] == {"refused": 0, "conflicts": 1}
    assert [(gate["gate"], gate["refused"], gate["conflicts"]) for gate in report["gates"]] == [
        ("North", 1, 0),
        ("South", 0, 2),
    ]


def test_a_guest_who_entered_and_was_refunded_has_entered_and_is_not_inside():
    door = Door()
    (ticket,) = door.tickets("Pista", 1)
    scan(door.north, ticket)

    refund_order(order_id=ticket.order_id, actor=SOMEBODY, now=clock.now())

    assert door.figures() == {("North", "Pista"): Figures(admitted=1)}


def test_a_guest_of_the_previous_release_is_inside_by_the_gate_of_the_scan():
    door = Door(reentry="always")
    ticket, other = door.tickets("Pista", 2)
    scan(door.south, ticket)
    scan(door.south, ticket, direction="exit")
    scan(door.north, ticket)
    undo_check_in(ticket_id=ticket.pk, actor=SOMEBODY, now=clock.now())
    scan(door.north, ticket, decision="refused")
    scan(door.north, other)
    Ticket.objects.update(entry_gate=None, inside=None, last_entry_at=None)

    assert door.figures() == {
        ("North", "Pista"): Figures(admitted=1, refused=1, inside=1),
        ("South", "Pista"): Figures(admitted=1, inside=1),
    }
