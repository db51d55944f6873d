"""A supervisor's device finds guests, and admits them by hand with a reason."""

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
    make_ticket,
)
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from tickets.models import Device, Scan, Ticket
from tickets.refund import refund_order

pytestmark = pytest.mark.django_db(transaction=True)


def supervisor_at(event: Event, gate: str = "North") -> APIClient:
    token = make_device(event, gate=gate)
    Device.objects.update(is_supervisor=True)
    return as_bearer(token)


def find(door: APIClient, event: Event, words: str) -> Any:
    return door.post("/door/guests", {"event": str(event.pk), "q": words})


def test_guests_are_found_by_name_order_code_and_email_without_showing_the_email():
    ticket = make_ticket()
    door = supervisor_at(ticket.event)
    order = ticket.order

    for words in ("ana so", order.code.lower(), "ANA@example.com", f"{order.code}-1", ticket.code):
        answer = find(door, ticket.event, words)
        assert answer.json() == {
            "guests": [
                {
                    "id": str(ticket.pk),
                    "holder_name": "Ana Souza",
                    "order_code": order.code,
                    "code_short": f"{order.code}-1",
                    "ticket_type": "Pista",
                    "status": "valid",
                    "used_at": None,
                    "inside": False,
                }
            ],
            "more": False,
        }
    assert find(door, ticket.event, "bruno").json()["guests"] == []


def test_at_most_twenty_guests_are_shown():
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=10)
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=10)
    door = supervisor_at(event)
    assert find(door, event, "ana").json()["more"] is False
    make_ticket(ticket_type=event.ticket_types.get())

    found = find(door, event, "ana").json()

    assert (len(found["guests"]), found["more"]) == (20, True)


def test_a_revoked_ticket_is_not_found():
    ticket = make_ticket()
    refund_order(order_id=ticket.order_id, actor=SOMEBODY, now=clock.now())

    assert find(supervisor_at(ticket.event), ticket.event, "ana").json()["guests"] == []


def test_a_search_needs_an_event_and_two_letters():
    ticket = make_ticket()
    door, event = supervisor_at(ticket.event), {"event": str(ticket.event_id)}
    bodies: list[dict[str, Any]] = [{}, {"q": "ana"}, event, event | {"q": "a"}]
    bodies.append(event | {"q": "ana", "page": 2})

    assert [door.post("/door/guests", body).status_code for body in bodies] == [400] * 5


def test_no_guest_is_searched_for_by_an_address():
    ticket = make_ticket()
    door = supervisor_at(ticket.event)
    query = f"?event={ticket.event_id}&q=ana"
    body = {"event": str(ticket.event_id), "q": "ana"}

    assert door.get(f"/door/guests{query}").status_code == 405
    assert door.post(f"/door/guests{query}", body).status_code == 400


def test_a_stewards_device_neither_finds_nor_admits_guests():
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))

    found = find(door, ticket.event, "ana")
    admitted = door.post(f"/door/guests/{ticket.pk}/admit", {"reason": "phone_is_out"})

    assert (found.status_code, admitted.status_code) == (403, 403)
    assert not Scan.objects.exists()


def test_guests_of_an_event_that_the_device_does_not_serve_are_not_found():
    ticket, elsewhere = make_ticket(), make_ticket()
    door = supervisor_at(ticket.event)

    assert find(door, elsewhere.event, "ana").status_code == 404
    path = f"/door/guests/{elsewhere.pk}/admit"
    assert door.post(path, {"reason": "phone_is_out"}).status_code == 404


def test_an_admission_by_hand_is_a_scan_of_the_device_and_an_act_with_the_reason():
    ticket = make_ticket()
    door = supervisor_at(ticket.event, gate="South")
    body = {"reason": "code_is_unreadable", "scan_id": str(new_id())}

    first, again = (door.post(f"/door/guests/{ticket.pk}/admit", body) for _ in range(2))

    assert first.json()["result"] == "admitted"
    assert first.json() == again.json()
    scan = Scan.objects.get()
    assert (scan.gate, scan.device, scan.result) == ("South", Device.objects.get(), "admitted")
    act = Act.objects.get(type="ticket.checked_in_by_hand")
    assert (act.actor_kind, act.actor_name) == ("device", "Scanner South")
    assert act.details == {
        "scan": body["scan_id"],
        "gate": "South",
        "reason": "The code cannot be read",
    }
    shown = find(door, ticket.event, "ana").json()["guests"][0]
    assert (shown["status"], shown["inside"]) == ("used", True)
    assert Ticket.objects.get().status == "used"


def test_a_used_ticket_is_refused_by_hand_too():
    ticket = make_ticket()
    door = supervisor_at(ticket.event)
    door.post("/tickets/validate", {"code": ticket.code})

    refused = door.post(f"/door/guests/{ticket.pk}/admit", {"reason": "no_ticket_at_hand"})

    assert (refused.status_code, refused.json()["code"]) == (409, "already_used")
    assert refused.json()["first_scan"]["gate"] == "North"
    assert not Act.objects.filter(type="ticket.checked_in_by_hand").exists()


def test_an_admission_by_hand_needs_a_known_reason():
    ticket = make_ticket()
    door = supervisor_at(ticket.event)

    for body in ({}, {"reason": "because"}):
        assert door.post(f"/door/guests/{ticket.pk}/admit", body).status_code == 400
    assert not Scan.objects.exists()
