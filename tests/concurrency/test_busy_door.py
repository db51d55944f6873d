"""
Devices that scan the same tickets at once, online and by upload: each ticket is admitted once.

`make night` does the same with 50 devices and 20,000 tickets.
"""

from collections import Counter
from functools import partial

import pytest
from rest_framework.test import APIClient

from tests.make import as_bearer, make_device, make_event, make_paid_order
from tests.race import race
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.counts import count_doors
from tickets.models import Scan, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TICKETS = 20


def scan_online(device: APIClient, codes: list[str]) -> list[str]:
    answers = [device.post("/tickets/validate", {"code": code}).json() for code in codes]
    return [answer.get("result") or answer["code"] for answer in answers]


def upload(device: APIClient, codes: list[str]) -> list[str]:
    scans = [{"code": code, "scan_id": str(new_id()), "decision": "admitted"} for code in codes]
    # The response to the first request is lost.
    first, again = (device.post("/door/scans", {"scans": scans}).json() for _ in range(2))
    assert first == again
    return [each["result"] for each in again["results"]]


def test_devices_that_scan_the_same_tickets_at_once_admit_each_once():
    event = make_event(max_per_order=TICKETS)
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=TICKETS)
    codes = [ticket.code for ticket in Ticket.objects.of_order(order.pk)]
    devices = [as_bearer(make_device(event, gate=gate)) for gate in ("1", "2", "3", "4")]

    outcomes = race(
        partial(scan_online, devices[0], codes),
        partial(scan_online, devices[1], codes[::-1]),
        partial(upload, devices[2], codes),
        partial(upload, devices[3], codes[::-1]),
    )

    told = Counter(
        result for outcome in outcomes if isinstance(outcome, list) for result in outcome
    )
    assert told == {"admitted": TICKETS, "already_used": 3 * TICKETS}
    admissions = Scan.objects.filter(result="admitted")
    assert admissions.count() == admissions.values("ticket").distinct().count() == TICKETS
    assert Scan.objects.count() == 4 * TICKETS
    counts = count_doors([event.pk], now=clock.now())[event.pk]
    assert (counts.admitted, counts.inside) == (TICKETS, TICKETS)
    assert counts.refused + counts.conflicts == 3 * TICKETS
    assert counts.conflicts == Scan.objects.filter(conflict=True).count()
