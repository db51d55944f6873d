"""The live view of a door in the admin: its figures, its alerts, who sees it, and what it costs."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import Event, Membership, Role
from events.roles import RIGHTS, Right
from tests.make import (
    as_bearer,
    make_device,
    make_event,
    make_organizer,
    make_paid_order,
    make_user,
)
from ticketing import clock
from tickets.door import live_pages, shared
from tickets.door.watch import forget_doors
from tickets.models import Device, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(event: Event, role: Role = Role.DOOR, language: str = "en") -> Client:
    user = make_user(organizer=event.organizer, is_staff=True)
    Membership.objects.filter(user=user).update(role=role)
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def page(event: Event) -> str:
    return reverse("admin:tickets_device_live", args=[event.pk])


def part(event: Event) -> str:
    return reverse("admin:tickets_device_live_part", args=[event.pk])


def text_of(response: Any) -> str:
    assert response.status_code == 200
    return html.unescape(response.content.decode())


def pass_of(response: Any) -> dict[str, str]:
    found = re.search('data-pass="([^"]+)"', text_of(response))
    assert found is not None
    return {"X-Live-Pass": found[1]}


def open_door(**fields: Any) -> Event:
    now = clock.now()
    return make_event(
        checkin_starts_at=now - timedelta(hours=1),
        checkin_ends_at=now + timedelta(hours=5),
        starts_at=now + timedelta(hours=1),
        ends_at=now + timedelta(hours=6),
        max_per_order=100,
        **fields,
    )


def test_it_shows_who_is_inside_and_the_scans_of_each_gate():
    event = open_door()
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    device = as_bearer(make_device(event))
    codes = [ticket.code for ticket in Ticket.objects.of_order(order.pk)]
    for code in (codes[0], codes[1], codes[1], "T1:FORGED"):
        device.post("/tickets/validate", {"code": code})

    shown = text_of(sign_in(event).get(page(event)))

    assert re.search(r"Inside now</dt><dd>2<", shown)
    assert re.search(r"Entered so far</dt><dd>2 <small>of 3<", shown)
    assert re.search(r"Pista</th><td>3</td><td>2</td><td>2</td><td>1</td><td>0</td>", shown)
    assert re.search(r"North</th><td>2</td><td>2</td><td>2</td><td>0</td>", shown)
    assert re.search(
        r"Codes of no ticket of this event</th><td>–</td><td>0</td><td>0</td><td>1</td>", shown
    )


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(minutes=6), "has been silent for 6 minutes"),
        (timedelta(minutes=4), "online"),
    ],
)
def test_a_device_that_stops_at_an_open_door_is_an_alert(ago: timedelta, said: str):
    event = open_door()
    make_device(event)
    Device.objects.update(last_seen_at=clock.now() - ago)

    shown = text_of(sign_in(event).get(page(event)))

    assert ("data-alert=" in shown) == ("silent" in said)
    assert said in shown


def test_a_gate_where_no_phone_was_on_since_the_door_opened_is_an_alert():
    event = open_door()
    for gate in ("North", "north ", "South"):
        make_device(event, gate=gate)
    Device.objects.update(last_seen_at=clock.now() - timedelta(hours=2))
    Device.objects.filter(gate="South").update(last_seen_at=clock.now())

    shown = text_of(sign_in(event).get(page(event)))

    assert shown.count("data-alert=") == 1
    assert "Nobody scans at the gate <strong>North</strong>." in shown
    assert "Scanner North, Scanner north ." in shown
    assert shown.count("not in use ·") == 2


@pytest.mark.parametrize("why", ["spare", "scanned", "opening", "closed", "all events", "never"])
def test_a_phone_that_is_not_in_use_is_no_alert(why: str):
    event = open_door()
    make_device(event)
    seen_at = None if why == "never" else clock.now() - timedelta(hours=2)
    Device.objects.update(last_seen_at=seen_at, all_events=why == "all events")
    if why == "spare":
        make_device(event)
        Device.objects.filter(last_seen_at=None).update(
            last_seen_at=clock.now() - timedelta(minutes=1)
        )
    if why == "scanned":
        as_bearer(make_device(event)).post("/tickets/validate", {"code": "T1:FORGED"})
    if why == "opening":
        Event.objects.update(checkin_starts_at=clock.now() - timedelta(minutes=4))
    if why == "closed":
        Event.objects.update(checkin_ends_at=clock.now() - timedelta(minutes=4))

    shown = text_of(sign_in(event).get(page(event)))

    assert "data-alert=" not in shown
    assert ("not in use ·" in shown) == (why in ("spare", "scanned", "all events"))


def test_no_device_is_missed_after_the_door_has_closed():
    event = open_door()
    make_device(event)
    Device.objects.update(last_seen_at=clock.now() - timedelta(minutes=30))
    Event.objects.update(checkin_ends_at=clock.now() - timedelta(minutes=10))

    assert "data-alert=" not in text_of(sign_in(event).get(page(event)))


def test_fifty_open_pages_cost_the_queries_of_one_reading(monkeypatch: pytest.MonkeyPatch):
    # So that the reading stays fresh however slow this machine is.
    monkeypatch.setattr(shared, "_FRESH_SECONDS", 600.0)
    event = open_door()
    for gate in ("North", "South", "East"):
        make_device(event, gate=gate)
    live_pass = pass_of(sign_in(event).get(page(event)))
    # The browsers of the readers send no cookie.
    reader = Client()

    def queries(polls: int) -> int:
        forget_doors()
        with CaptureQueriesContext(connection) as captured:
            for _ in range(polls):
                assert reader.get(part(event), headers=live_pass).status_code == 200
        return len(captured)

    assert queries(1) == queries(50) == 10


def test_a_stale_reading_is_read_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(shared, "_REST", 0)
    event = open_door()
    live_pass = pass_of(sign_in(event).get(page(event)))
    ticket = Ticket.objects.of_order(make_paid_order(ticket_type=event.ticket_types.get()).pk).get()
    as_bearer(make_device(event)).post("/tickets/validate", {"code": ticket.code})

    shown = text_of(Client().get(part(event), headers=live_pass))

    assert re.search(r"Inside now</dt><dd>1<", shown)


def test_a_pass_is_short_and_for_one_event(monkeypatch: pytest.MonkeyPatch):
    event, other = open_door(), open_door()
    live_pass = pass_of(sign_in(event).get(page(event)))
    forged = {"X-Live-Pass": signing.dumps({"event": str(event.pk)}, salt="other")}

    found = [
        Client().get(part(event), headers=sent).status_code for sent in ({}, forged, live_pass)
    ]
    elsewhere = Client().get(part(other), headers=live_pass).status_code
    monkeypatch.setattr(live_pages, "_PASS_SECONDS", -1)
    late = Client().get(part(event), headers=live_pass).status_code

    assert (found, elsewhere, late) == ([403, 403, 200], 403, 403)


def test_the_part_speaks_the_language_of_its_reader():
    event = open_door()
    live_pass = pass_of(sign_in(event, language="pt-br").get(page(event)))

    assert "Estão dentro agora" in text_of(Client().get(part(event), headers=live_pass))


def test_strangers_find_nothing():
    event = open_door()
    client = Client()
    client.force_login(make_user(organizer=make_organizer(), is_staff=True))

    assert client.get(page(event)).status_code == 404


def make_conflict(event: Event) -> Scan:
    ticket = Ticket.objects.of_order(make_paid_order(ticket_type=event.ticket_types.get()).pk).get()
    for gate in ("North", "South"):
        scan = {"code": ticket.code, "decision": "admitted"}
        as_bearer(make_device(event, gate=gate)).post("/tickets/validate", scan)
    return Scan.objects.get(conflict=True)


def test_a_conflict_is_an_alert_until_somebody_who_runs_the_door_has_seen_it():
    event = open_door()
    conflict = make_conflict(event)
    order = Ticket.objects.get().order.code
    client = sign_in(event)

    before = text_of(client.get(page(event)))
    after = text_of(client.post(page(event), {"scan": conflict.pk}, follow=True))

    assert f"Ticket <strong>{order}-1</strong> (Pista) has let in two guests." in before
    assert f'data-alert="conflict-{conflict.pk}"' in before
    assert "data-alert=" not in after
    conflict.refresh_from_db()
    assert conflict.acknowledged_by.startswith("user:")


def test_a_viewer_sees_conflicts_and_may_not_acknowledge_them():
    event = open_door()
    conflict = make_conflict(event)
    client = sign_in(event, Role.VIEWER)

    shown = text_of(client.get(page(event)))
    refused = client.post(page(event), {"scan": conflict.pk})

    assert "data-alert=" in shown
    assert 'name="scan"' not in shown
    assert refused.status_code == 404
    conflict.refresh_from_db()
    assert conflict.acknowledged_at is None


def test_a_role_that_sees_no_orders_and_runs_no_door_sees_conflicts_without_their_codes(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(RIGHTS, Role.VIEWER, frozenset({Right.SEE_EVENTS}))
    event = open_door()
    make_conflict(event)
    order = Ticket.objects.get().order.code

    first = sign_in(event, Role.VIEWER).get(page(event))
    polled = Client().get(part(event), headers=pass_of(first))

    for shown in (text_of(first), text_of(polled)):
        assert "Ticket <strong>…</strong> (Pista) has let in two guests." in shown
        assert order not in shown


@pytest.mark.parametrize("scan", ["", "x", "01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90"])
def test_a_form_without_a_conflict_changes_nothing(scan: str):
    event = open_door()

    shown = text_of(sign_in(event).post(page(event), {"scan": scan}, follow=True))

    assert "This event has no such conflict." in shown


def test_a_guest_who_was_let_in_before_the_door_opened_is_a_conflict_with_its_reason():
    event = open_door()
    ticket = Ticket.objects.of_order(make_paid_order(ticket_type=event.ticket_types.get()).pk).get()
    early = (clock.now() - timedelta(hours=2)).isoformat()
    scan = {"code": ticket.code, "decision": "admitted", "scanned_at": early}

    as_bearer(make_device(event)).post("/tickets/validate", scan)

    shown = text_of(sign_in(event).get(page(event)))
    assert "at a gate that is not for it or outside the hours of the door" in shown
    assert re.search(r"Entered so far</dt><dd>1 ", shown)
