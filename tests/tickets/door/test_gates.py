"""Gates that admit only some ticket types."""

from typing import Any

import pytest

from events.models import Event, Gate, TicketType
from tests.make import (
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
    make_ticket,
    make_ticket_type,
    make_transfer,
)
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.earlier import party_of
from tickets.door.gates import DoorGate, rules_of_gates, types_admitted
from tickets.door.scans import ScannedCode, Scanner
from tickets.models import Direction, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def make_gate(name: str, *kinds: TicketType) -> Gate:
    gate = Gate.objects.create(event=kinds[0].event, name=name)
    gate.ticket_types.set(kinds)
    return gate


@pytest.fixture
def event() -> Event:
    """Return an event with the types Pista and Camarote, and a gate for the latter only."""
    event = make_event()
    make_gate("Camarote", make_ticket_type(event=event, name="Camarote"))
    return event


def scan(ticket: Ticket, gate: str, **others: Any) -> str:
    scanned = ScannedCode(new_id(), ticket.code, gate, clock.now(), **others)
    return check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=clock.now()).result


def test_a_gate_admits_its_types_whatever_the_case_of_its_name(event: Event):
    pista, camarote = (
        make_ticket(ticket_type=kind) for kind in event.ticket_types.order_by("number")
    )

    assert [scan(pista, gate) for gate in ("Camarote", "CAMAROTE ")] == ["wrong_gate"] * 2
    assert scan(camarote, "camarote") == "admitted"
    # The refused ticket may enter at any gate without a rule.
    assert scan(pista, "North") == "admitted"


def test_a_used_ticket_is_refused_as_such_at_the_wrong_gate_and_may_leave_through_it(event: Event):
    pista = make_ticket(ticket_type=event.ticket_types.get(name="Pista"))
    scan(pista, "North")

    assert scan(pista, "Camarote") == "already_used"
    assert scan(pista, "Camarote", direction=Direction.EXIT) == "exited"


def test_a_gate_has_no_rule_at_another_event(event: Event):
    assert scan(make_ticket(), "Camarote") == "admitted"


def test_the_refusal_names_the_gates_for_that_ticket_type(event: Event):
    pista = event.ticket_types.get(name="Pista")
    make_gate("Sul", pista)
    door = as_bearer(make_device(event, gate="Camarote"))

    refused = door.post("/tickets/validate", {"code": make_ticket(ticket_type=pista).code}).json()

    assert (refused["code"], refused["gates"]) == ("wrong_gate", ["Sul"])


def test_the_types_of_a_gate_are_listed_for_the_events_where_it_has_a_rule(event: Event):
    make_gate("Camarote", make_event().ticket_types.get())

    assert types_admitted(" CAMAROTE", [event.pk, make_event().pk]) == {event.pk: [2]}
    assert rules_of_gates("", [event.pk]) == {event.pk: [DoorGate("Camarote", [2], is_own=False)]}
    assert types_admitted("North", [event.pk]) == {}


def test_the_bundle_names_the_gates_with_a_rule_so_that_a_phone_alone_sends_guests_there(
    event: Event,
):
    make_gate("Sul", *event.ticket_types.all())
    other = make_event(organizer=event.organizer)
    door = as_bearer(make_device(event, other, gate="Camarote"))

    bundle = door.get("/door/bundle").json()

    assert {each["id"]: (each["gate_types"], each["gates"]) for each in bundle["events"]} == {
        str(event.pk): (
            [2],
            [{"name": "Camarote", "types": [2]}, {"name": "Sul", "types": [1, 2]}],
        ),
        str(other.pk): (None, []),
    }


def test_a_party_is_what_is_unused_of_the_order_and_admitted_at_the_gate(event: Event):
    pista = event.ticket_types.get(name="Pista")
    first, second, third = Ticket.objects.of_order(
        make_paid_order(ticket_type=pista, quantity=3).pk
    )
    make_ticket(ticket_type=pista)

    assert party_of(first.pk, "North") == sorted([first.pk, second.pk, third.pk])
    scan(second, "North")
    assert party_of(first.pk, "North") == sorted([first.pk, third.pk])
    assert party_of(first.pk, "Camarote") == []


def test_a_transferred_ticket_belongs_to_no_party_but_its_own():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    make_transfer(ticket=second, email="bia@example.com")
    theirs = Ticket.objects.get(transfer__isnull=False)

    assert party_of(first.pk, "") == [first.pk]
    assert party_of(theirs.pk, "") == [theirs.pk]


def test_the_response_says_how_many_tickets_of_the_order_are_unused():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    door = as_bearer(make_device(first.event))

    admitted = door.post("/tickets/validate", {"code": first.code}).json()
    refused = door.post("/tickets/validate", {"code": first.code}).json()
    last = door.post("/tickets/validate", {"code": second.code}).json()

    assert [shown.get("party") for shown in (admitted, refused, last)] == [
        {"unused": 1}, {"unused": 1}, None,
    ]  # fmt: skip
