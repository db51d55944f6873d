"""The rules of the door in the admin: on the page of an event, and in its check-in list."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from events.models import Event, Gate, Reentry
from tests.make import make_event, make_ticket, make_ticket_type
from tests.pages.test_admin import event_form
from tests.pages.test_check_in_list import address, sign_in, text_of
from tests.pages.test_event_questions import owner
from ticketing import clock
from ticketing.ids import new_id
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import ScannedCode, Scanner
from tickets.models import Direction, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

PORTUGUESE = {"accept-language": "pt-BR"}


def save(event: Event, **changes: Any) -> Any:
    client = owner(event)
    form = event_form(client, event, **changes)
    page = reverse("admin:events_event_change", args=[event.pk])
    return client.post(page, form, headers=PORTUGUESE)


def new_gates(*gates: tuple[str, Any]) -> dict[str, Any]:
    """Return the fields of new gates in the form of an event that has none."""
    sent: dict[str, Any] = {"gates-TOTAL_FORMS": str(len(gates))}
    for number, (name, kind) in enumerate(gates):
        sent |= {f"gates-{number}-name": name, f"gates-{number}-ticket_types": str(kind.pk)}
    return sent


def test_an_organizer_sets_the_rules_of_the_door_and_its_gates_in_the_form():
    event = make_event(status="draft")
    vip = make_ticket_type(event=event, name="Camarote")

    saved = save(event, reentry="always", confirm_first="on", **new_gates(("VIP", vip)))

    assert saved.status_code == 302, saved.content.decode()
    event.refresh_from_db()
    assert (event.reentry, event.confirm_first) == (Reentry.ALWAYS, True)
    assert list(Gate.objects.get(event=event, name="VIP").ticket_types.all()) == [vip]


def test_a_gate_is_renamed_and_removed_in_the_form():
    event = make_event(status="draft")
    gate = Gate.objects.create(event=event, name="VIP")
    gate.ticket_types.set(event.ticket_types.all())

    save(event, **{"gates-0-name": "Sul"})
    assert Gate.objects.get().name == "Sul"
    save(event, **{"gates-0-DELETE": "on"})

    assert not Gate.objects.exists()


def test_the_only_type_of_a_gate_is_deleted_once_the_saved_gate_admits_another():
    event = make_event(status="draft")
    floor, vip = event.ticket_types.get(), make_ticket_type(event=event, name="Camarote")
    gate = Gate.objects.create(event=event, name="VIP")
    gate.ticket_types.set([vip])
    delete = {"ticket_types-1-DELETE": "on"}

    refused = save(event, **delete, **{"gates-0-ticket_types": str(floor.pk)})

    assert "O portão VIP só admite Camarote." in refused.content.decode()
    assert list(gate.ticket_types.all()) == [vip]
    gate.ticket_types.set([floor, vip])
    saved = save(event, **delete, **{"gates-0-name": "Sul"})
    assert saved.status_code == 302, saved.content.decode()
    assert list(event.ticket_types.all()) == [floor]
    assert list(Gate.objects.get(name="Sul").ticket_types.all()) == [floor]


def test_gates_need_different_names_and_a_ticket_type():
    event = make_event(status="draft")
    kind = event.ticket_types.get()

    twice = save(event, **new_gates(("VIP", kind), ("vip", kind))).content.decode()
    none = save(event, **new_gates(("VIP", kind)) | {"gates-0-ticket_types": ""})

    assert "Dê um nome diferente a cada portão." in twice
    assert "gates-0-ticket_types" in none.content.decode()
    assert none.status_code == 200
    assert not Gate.objects.exists()


def test_an_event_that_does_not_exist_yet_has_no_gates_in_its_form():
    event = make_event(status="draft")
    page = owner(event).get(reverse("admin:events_event_add")).content.decode()

    assert "id_reentry" in page
    assert "gates-TOTAL_FORMS" not in page


def scan(ticket: Ticket, direction: Direction, minutes_ago: int) -> None:
    at = clock.now() - timedelta(minutes=minutes_ago)
    scanned = ScannedCode(new_id(), ticket.code, "North", at, direction=direction)
    check_in_ticket(scanned=scanned, scanner=Scanner("token:1"), now=at)


def test_the_check_in_list_lets_in_again_who_has_left_and_undoes_the_exit_it_shows():
    event = make_event(reentry=Reentry.ALWAYS)
    ticket = make_ticket(ticket_type=event.ticket_types.get())
    client = sign_in(event)
    scan(ticket, Direction.ENTRY, 9)
    assert "Check in by hand" not in text_of(client.get(address(event)))
    scan(ticket, Direction.EXIT, 6)
    page = text_of(client.get(address(event)))
    assert "Left at" in page
    assert "Check in by hand" in page
    left = Scan.objects.get(direction=Direction.EXIT)
    undo = {"ticket": ticket.pk, "act": "undo", "scan": str(left.scan_id)}

    undone = [text_of(client.post(address(event), undo, follow=True)) for _ in range(2)]

    assert all("The exit of Ana Souza is undone." in page for page in undone)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.inside) == ("used", True)
    scan(ticket, Direction.EXIT, 1)
    sent = {"ticket": ticket.pk, "act": "check_in", "reason": "phone_is_out"}
    assert "Ana Souza is checked in." in text_of(client.post(address(event), sent, follow=True))
    ticket.refresh_from_db()
    assert ticket.inside is True
