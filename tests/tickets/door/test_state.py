"""The state of the door: a device's events, their figures, and when the device was seen."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.models import Event, EventStatus, Reentry
from tests.make import SOMEBODY, as_bearer, make_device, make_event, make_paid_order
from tests.moments import NOON
from ticketing import clock
from tickets.door import shared
from tickets.door.counts import DoorCounts, Figures, count_doors
from tickets.door.device_events import events_of_device
from tickets.door.devices import note_seen
from tickets.door.undo import undo_check_in
from tickets.door.watch import forget_doors
from tickets.models import Device, Ticket
from tickets.scan_summary import summarize_scans

pytestmark = pytest.mark.django_db(transaction=True)


def counts_of(event: Event) -> DoorCounts:
    return count_doors([event.pk], now=clock.now())[event.pk]


def test_the_state_shows_the_device_its_events_and_their_figures():
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    device = as_bearer(make_device(event))
    code = Ticket.objects.of_order(order.pk)[0].code
    for _ in range(2):
        device.post("/tickets/validate", {"code": code})

    shown = device.get("/door/state").json()

    assert shown["device"]["gate"] == "North"
    assert shown["device"]["is_supervisor"] is False
    assert shown["organizer"] == {"name": "Casa Azul"}
    assert shown["bundle_lasts_hours"] == 12
    assert [each["id"] for each in shown["events"]] == [str(event.pk)]
    assert shown["events"][0]["counts"] == {
        "inside": 1,
        "admitted": 1,
        "refused": 1,
        "conflicts": 0,
        "sold": 2,
    }


def test_the_state_costs_the_same_for_one_event_and_for_many():
    def queries(count: int) -> int:
        first = make_event()
        rest = [make_event(organizer=first.organizer) for _ in range(count - 1)]
        device = as_bearer(make_device(first, *rest))
        device.get("/door/state")
        forget_doors()
        with CaptureQueriesContext(connection) as captured:
            shown: Any = device.get("/door/state").json()
        assert len(shown["events"]) == count
        return len(captured)

    assert queries(1) == queries(3)


def test_all_devices_of_a_process_share_one_reading_of_the_figures(monkeypatch: Any):
    # So that the reading stays fresh however slow this machine is.
    monkeypatch.setattr(shared, "_FRESH_SECONDS", 600.0)
    event = make_event()
    devices = [as_bearer(make_device(event, gate=gate)) for gate in ("North", "South")]
    for device in devices:
        device.get("/door/state")

    with CaptureQueriesContext(connection) as captured:
        for device in devices * 25:
            device.get("/door/state")

    # The device, its events, their types and its gate's types: no figures.
    assert len(captured) == 50 * 4
    assert not [query for query in captured if "tickets_scan" in query["sql"]]


def test_a_device_sees_its_next_events_and_no_drafts_others_or_past_ones():
    event = make_event()
    past = make_event(organizer=event.organizer)
    Event.objects.filter(pk=past.pk).update(
        starts_at=NOON - timedelta(days=9), ends_at=NOON - timedelta(hours=13)
    )
    draft = make_event(organizer=event.organizer, status=EventStatus.DRAFT)
    make_device(event, past, draft)
    device = Device.objects.get()

    chosen = events_of_device(device, now=NOON)
    make_event()
    Device.objects.update(all_events=True)
    device.refresh_from_db()

    assert chosen == [event]
    assert events_of_device(device, now=NOON) == [event]


def test_when_a_device_was_seen_is_written_once_a_minute():
    make_device(make_event())

    def seen_at(seconds: int) -> Any:
        note_seen(device=Device.objects.get(), now=NOON + timedelta(seconds=seconds))
        return Device.objects.get().last_seen_at

    assert [seen_at(0), seen_at(59), seen_at(60)] == [
        NOON,
        NOON,
        NOON + timedelta(minutes=1),
    ]


def test_figures_are_the_same_before_and_after_scans_are_in_slots():
    event = make_event()
    tickets = list(
        Ticket.objects.of_order(
            make_paid_order(ticket_type=event.ticket_types.get(), quantity=3).pk
        )
    )
    north, south = as_bearer(make_device(event)), as_bearer(make_device(event, gate="South"))
    for device in (north, south):
        for ticket in tickets[:2]:
            device.post("/tickets/validate", {"code": ticket.code})
    undo_check_in(ticket_id=tickets[0].pk, actor=SOMEBODY, now=clock.now())

    live = counts_of(event)
    summarize_scans(now=clock.now() + timedelta(hours=1))
    summed = counts_of(event)

    assert live == summed
    assert [(gate.gate, gate.figures) for gate in live.gates] == [
        ("North", Figures(admitted=1, inside=1)),
        ("South", Figures(refused=2)),
    ]
    assert (live.sold, live.admitted, live.inside, live.refused) == (3, 1, 1, 2)


def test_at_an_event_of_several_days_those_are_inside_who_have_entered_today():
    event = make_event(reentry=Reentry.ONCE_A_DAY, timezone="America/Sao_Paulo")
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    # Local midnight is at 3 h UTC.
    midnight = NOON.replace(hour=3, minute=0, second=0)
    for ticket, minutes in zip(Ticket.objects.of_order(order.pk), (-1, 1), strict=True):
        entered_at = midnight + timedelta(minutes=minutes)
        Ticket.objects.filter(pk=ticket.pk).update(
            status="used", used_at=entered_at, last_entry_at=entered_at, inside=True
        )

    def inside_at(now: datetime) -> int:
        return count_doors([event.pk], now=now)[event.pk].inside

    assert [inside_at(midnight), inside_at(midnight - timedelta(minutes=1))] == [1, 1]
    assert inside_at(midnight + timedelta(days=1)) == 0
