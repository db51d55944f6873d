"""What staff see of a door: its devices, whether each is in use, its figures and its conflicts."""

from datetime import datetime, timedelta

import pytest

from events.models import Event
from tests.make import make_device, make_event, make_ticket
from tests.moments import NOON
from ticketing import clock
from ticketing.ids import new_id
from tickets.door import shared
from tickets.door.checkin import check_in_ticket
from tickets.door.counts import DoorCounts, Figures, GateCounts
from tickets.door.scans import ScannedCode, Scanner
from tickets.door.watch import (
    SILENT_AFTER,
    Presence,
    WatchedDoor,
    forget_doors,
    presence_of,
    take_conflicts,
    unmanned_gates,
    watch_door,
)
from tickets.models import Decision, Device, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


def let_in_twice(ticket: Ticket, at: datetime) -> None:
    """Let a guest in by two devices without a network: a conflict."""
    for gate in ("North", "South"):
        scanned = ScannedCode(new_id(), ticket.code, gate, at, decision=Decision.ADMITTED)
        check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=at)


def watched(event: Event) -> WatchedDoor:
    door = watch_door(event.pk, now=clock.now())
    assert door is not None
    return door


@pytest.mark.parametrize(
    ("seen_at", "now", "presence"),
    [
        (None, NOON + HOUR, Presence.NEVER),
        (NOON + HOUR - SILENT_AFTER + SECOND, NOON + HOUR, Presence.ONLINE),
        (NOON + HOUR - SILENT_AFTER, NOON + HOUR, Presence.SILENT),
        (NOON, NOON + HOUR, Presence.SILENT),
        (NOON - SECOND, NOON + HOUR, Presence.UNUSED),
        (NOON - HOUR, NOON + SILENT_AFTER - SECOND, Presence.AWAY),
        (NOON - HOUR, NOON + SILENT_AFTER, Presence.UNUSED),
        (NOON - HOUR, NOON + 8 * HOUR - SECOND, Presence.UNUSED),
        (NOON - HOUR, NOON + 8 * HOUR, Presence.AWAY),
    ],
)
def test_a_device_is_missed_from_five_minutes_after_the_door_opens_until_it_closes(
    seen_at: datetime | None, now: datetime, presence: Presence
):
    # Without hours of its own, the door opens three hours before the event: at noon.
    event = Event(starts_at=NOON + 3 * HOUR, ends_at=NOON + 8 * HOUR)

    assert presence_of(Device(last_seen_at=seen_at), event, now=now) == presence


def test_a_gate_is_unmanned_if_all_its_devices_are_unused_and_nothing_was_scanned_there():
    event = Event(starts_at=NOON + 3 * HOUR, ends_at=NOON + 8 * HOUR)
    now, before, since = NOON + HOUR, NOON - SECOND, NOON
    seen: list[tuple[str, datetime | None, bool]] = [
        # Two that nobody uses, at one gate.
        ("North", before, False), (" NORTH", before, False),
        # Beside one that works, or that has worked.
        ("South", before, False), ("south ", now, False),
        ("West", before, False), ("West", since, False),
        # Where tickets were scanned, by a device that shows no state.
        ("East", before, False),
        # Of all events, and never seen.
        ("Hall", before, True), ("Roof", None, False),
    ]  # fmt: skip
    devices = [
        Device(gate=gate, last_seen_at=seen_at, all_events=everywhere)
        for gate, seen_at, everywhere in seen
    ]
    scanned = GateCounts("east", Figures(admitted=1), [])
    counts = DoorCounts([], Figures(), [scanned], counted_at=now)

    found = unmanned_gates(WatchedDoor(event, counts, devices, []), now=now)

    assert [(each.gate, each.devices) for each in found] == [("North", devices[:2])]
    assert unmanned_gates(WatchedDoor(event, counts, devices, []), now=NOON) == []


def test_the_devices_of_a_door_are_its_own_and_the_organizers_for_all_events():
    event = make_event()
    sibling, stranger = make_event(organizer=event.organizer), make_event()
    for gate in ("Own", "Revoked"):
        make_device(event, gate=gate)
    for gate in ("Everywhere", "Of the sibling"):
        make_device(sibling, gate=gate)
    make_device(stranger, gate="Everywhere")
    Device.objects.filter(gate="Everywhere").update(all_events=True)
    Device.objects.filter(gate="Revoked").update(revoked_at=NOON)

    assert [device.gate for device in watched(event).devices] == ["Everywhere", "Own"]


def test_the_conflicts_of_several_doors_are_shown_the_newest_first():
    first, second = make_ticket(), make_ticket()
    let_in_twice(second, NOON)
    let_in_twice(first, NOON + HOUR)

    found = take_conflicts([second.event_id, first.event_id], now=NOON + HOUR)

    assert [conflict.scan.ticket_id for conflict in found] == [first.pk, second.pk]


def test_doors_that_are_forgotten_are_read_again(monkeypatch: pytest.MonkeyPatch):
    # So that only the call of the test ends a reading.
    monkeypatch.setattr(shared, "_FRESH_SECONDS", 600.0)
    ticket = make_ticket()

    def seen() -> tuple[int, int]:
        door = watched(ticket.event)
        return door.counts.admitted, len(door.conflicts)

    before = seen()
    let_in_twice(ticket, NOON)
    kept = seen()
    forget_doors()

    assert (before, kept, seen()) == ((0, 0), (0, 0), (1, 1))
