"""Attendance: an event's own tickets and scans."""

import pytest

from tests.make import as_bearer, make_device, make_ticket
from tickets.door.attendance import AttendanceOfGate, measure_attendance

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_scans_of_another_event_are_not_counted():
    here, elsewhere = make_ticket(), make_ticket()
    for ticket in (here, elsewhere):
        as_bearer(make_device(ticket.event)).post("/tickets/validate", {"code": ticket.code})

    seen = measure_attendance(here.event_id)

    assert seen.gates == [AttendanceOfGate("North", admitted=1, refused=0)]
    assert seen.admitted == 1
