"""Attendance: an event's own tickets and scans."""

import pytest

from tests.make import (
    as_bearer,
    make_device,
    make_processing_order,
    make_reserved_order,
    make_ticket,
    make_ticket_type,
)
from ticketing import clock
from tickets.door.attendance import measure_attendance
from tickets.door.counts import Figures

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_scans_of_another_event_are_not_counted():
    here, elsewhere = make_ticket(), make_ticket()
    for ticket in (here, elsewhere):
        as_bearer(make_device(ticket.event)).post("/tickets/validate", {"code": ticket.code})
    conflict = {"code": elsewhere.code, "decision": "admitted"}
    as_bearer(make_device(elsewhere.event, gate="South")).post("/tickets/validate", conflict)

    seen = measure_attendance(here.event_id, now=clock.now())

    assert [(gate.gate, gate.figures) for gate in seen.gates] == [
        ("North", Figures(admitted=1, inside=1))
    ]
    assert seen.figures == Figures(admitted=1, inside=1)


def test_held_tickets_are_reserved_or_being_paid_for():
    kind = make_ticket_type()
    make_ticket(ticket_type=kind)
    make_reserved_order(ticket_type=kind, quantity=2)
    make_processing_order(ticket_type=kind, quantity=3)

    seen = measure_attendance(kind.event_id, now=clock.now())

    assert [(each.sold, each.held) for each in seen.ticket_types] == [(1, 5)]
    assert (seen.capacity, seen.sold, seen.held) == (100, 1, 5)
