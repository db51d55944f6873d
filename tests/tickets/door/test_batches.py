"""Scans of devices that were offline: each is decided once, and conflicts reach everybody."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from events.models import Event
from tests.make import (
    SOMEBODY,
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
)
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.door.conflicts import ConflictNotFound, acknowledge_conflict, open_conflicts
from tickets.door.counts import Figures, count_doors
from tickets.models import Device, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def tickets_of(event: Event, quantity: int = 1) -> list[Ticket]:
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=quantity)
    return list(Ticket.objects.of_order(order.pk))


def offline(code: str, *, minutes_ago: int = 10, **members: Any) -> dict[str, Any]:
    """Return a scan that a device has admitted while it was offline."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    usual = {"scan_id": str(new_id()), "scanned_at": at.isoformat(), "decision": "admitted"}
    return {"code": code, **usual, **members}


def upload(device: APIClient, *scans: Any) -> list[dict[str, Any]]:
    response = device.post("/door/scans", {"scans": list(scans)})
    assert response.status_code == 200, response.json()
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def results(shown: list[dict[str, Any]]) -> list[str]:
    return [each["result"] for each in shown]


def test_two_gates_that_admitted_one_ticket_offline_are_a_conflict_that_both_see():
    event = make_event()
    twice, once = tickets_of(event, 2)
    north, south = as_bearer(make_device(event)), as_bearer(make_device(event, gate="South"))

    first = upload(north, offline(twice.code, minutes_ago=20), offline(once.code))
    second = upload(south, offline(twice.code, minutes_ago=10))

    assert results(first) == ["admitted", "admitted"]
    assert results(second) == ["already_used"]
    assert second[0]["conflict"] is True
    assert second[0]["first_scan"]["gate"] == "North"
    seen = [device.get("/door/state").json()["conflicts"] for device in (north, south)]
    assert seen[0] == seen[1]
    assert [(each["gate"], each["other"]["gate"]) for each in seen[0]] == [("South", "North")]
    assert seen[0][0]["order_code"] == twice.order.code
    counts = count_doors([event.pk], now=clock.now())[event.pk]
    assert [(gate.gate, gate.figures) for gate in counts.gates] == [
        ("North", Figures(admitted=2, inside=2)),
        ("South", Figures(conflicts=1)),
    ]
    assert (counts.admitted, counts.inside, counts.refused, counts.conflicts) == (2, 2, 0, 1)


def test_a_batch_that_is_sent_again_changes_nothing():
    event = make_event()
    tickets = tickets_of(event, 2)
    device = as_bearer(make_device(event))
    batch = [offline(ticket.code) for ticket in tickets] + [offline("no code of ours")]

    first = upload(device, *batch)
    again = upload(device, *batch)

    assert again == first
    assert results(first) == ["admitted", "admitted", "invalid_code"]
    assert Scan.objects.count() == 3


def test_a_bad_scan_does_not_spoil_the_batch():
    event = make_event()
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))
    reused = offline("another code")
    known = offline(ticket.code)
    upload(device, reused)

    shown = upload(
        device,
        {},
        {**offline(ticket.code), "scanned_at": "tomorrow", "unknown": 1},
        {**known, "code": "x" * 301},
        {**reused, "code": ticket.code},
        offline(ticket.code, event=str(make_event().pk)),
        known,
    )

    assert results(shown) == [
        "invalid",
        "invalid",
        "invalid",
        "scan_id_reused",
        "not_found",
        "admitted",
    ]
    assert shown[0]["scan_id"] is None
    assert [error["pointer"] for error in shown[0]["errors"]] == ["#/code", "#/scan_id"]
    assert [error["pointer"] for error in shown[1]["errors"]] == ["#/unknown"]
    assert shown[2]["scan_id"] == known["scan_id"]


@pytest.mark.parametrize("minutes_ago", [-60, 40 * 24 * 60])
def test_a_guest_whom_a_device_with_a_wrong_clock_let_in_is_inside(minutes_ago: int):
    event = make_event()
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))

    shown = upload(device, offline(ticket.code, minutes_ago=minutes_ago))

    assert results(shown) == ["admitted"]
    scan = Scan.objects.get()
    assert scan.scanned_at == scan.recorded_at
    ticket.refresh_from_db()
    assert (ticket.status, ticket.used_at) == ("used", scan.recorded_at)


@pytest.mark.parametrize("scans", [None, [], [1], {}, [{}] * 201])
def test_a_body_that_is_no_batch_is_refused(scans: Any):
    event = make_event()
    device = as_bearer(make_device(event))

    response = device.post("/door/scans", {"scans": scans})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert not Scan.objects.exists()


def test_a_guest_whom_the_device_refused_is_not_admitted_by_the_upload():
    event = make_event()
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))

    shown = upload(device, offline(ticket.code, decision="refused"))

    assert (results(shown), shown[0]["conflict"]) == (["turned_away"], False)
    ticket.refresh_from_db()
    assert ticket.status == "valid"


def test_a_revoked_device_uploads_nothing():
    event = make_event()
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))
    Device.objects.update(revoked_at=clock.now())

    response = device.post("/door/scans", {"scans": [offline(ticket.code)]})

    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    assert not Scan.objects.exists()


def test_a_conflict_that_was_acknowledged_is_gone_and_on_record_once():
    event = make_event()
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))
    upload(device, offline(ticket.code), offline(ticket.code, minutes_ago=1))
    (conflict,) = open_conflicts([event.pk])[event.pk]

    for _ in range(2):
        acknowledge_conflict(
            event_id=event.pk, scan_key=conflict.scan.pk, actor=SOMEBODY, now=clock.now()
        )

    assert open_conflicts([event.pk]) == {event.pk: []}
    assert device.get("/door/state").json()["conflicts"] == []
    assert Act.objects.filter(type="ticket.conflict_acknowledged").count() == 1
    # It stays a conflict in the figures.
    assert count_doors([event.pk], now=clock.now())[event.pk].conflicts == 1


def test_only_conflicts_of_the_event_can_be_acknowledged():
    event = make_event()
    (ticket,) = tickets_of(event)
    device = as_bearer(make_device(event))
    upload(device, offline(ticket.code))
    admission = Scan.objects.get()
    upload(device, offline(ticket.code))
    conflict = Scan.objects.get(conflict=True)
    other = make_event(organizer=event.organizer)

    for event_id, key in ((event.pk, admission.pk), (other.pk, conflict.pk), (event.pk, new_id())):
        with pytest.raises(ConflictNotFound):
            acknowledge_conflict(event_id=event_id, scan_key=key, actor=SOMEBODY, now=clock.now())
