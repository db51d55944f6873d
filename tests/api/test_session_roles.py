"""What each role may do in the API with a session, at all events of an organizer or at some."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from events.models import Event, Membership, Role
from tests.make import as_user, make_device, make_event, make_paid_order, make_user
from tickets.door.earlier import first_admission
from tickets.models import Device, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

# Whole members, then members limited to one event.
ROLES = {
    "O": Role.OWNER,
    "M": Role.MANAGER,
    "F": Role.FINANCE,
    "D": Role.DOOR,
    "V": Role.VIEWER,
    "m": Role.MANAGER,
    "f": Role.FINANCE,
    "d": Role.DOOR,
    "v": Role.VIEWER,
}
# Who is not refused: limited members at their own event. All are refused at any other event.
MATRIX: dict[tuple[str, str], str] = {
    ("get", "/events/{draft}"): "OMm",
    ("patch", "/events/{event}"): "OMm",
    ("put", "/events/{event}"): "OMm",
    ("get", "/events/{event}/orders"): "OMFVmfv",
    ("get", "/events/{event}/orders.csv"): "OMFVmfv",
    ("get", "/events/{event}/tickets"): "OMFVmfv",
    ("get", "/events/{event}/attendance"): "OMFDVmfdv",
    ("get", "/orders/{order}"): "OMFVmfv",
    ("get", "/orders/{order}/ticket"): "OMFVmfv",
    ("get", "/tickets/{ticket}"): "OMFVmfv",
    ("post", "/tickets/{ticket}/checkin/undo"): "OMDmd",
    ("post", "/devices/{device}/revoke"): "OMDmd",
    ("post", "/devices/{device}/pairing"): "OMDmd",
    ("patch", "/tickets/{ticket}"): "OMm",
    ("post", "/orders/{order}/refund"): "OMFmf",
    ("post", "/orders/{order}/resend"): "OMm",
    ("post", "/tickets/{ticket}/reissue"): "OMm",
    ("post", "/tickets/{ticket}/exchange"): "OMm",
    ("post", "/tickets/{ticket}/revoke"): "OMm",
}
# Without an event in the path. Limited members make no events and no webhooks.
OF_ORGANIZER: dict[tuple[str, str], str] = {
    ("post", "/events"): "OM",
    ("post", "/webhooks"): "O",
    ("post", "/devices"): "OMDmd",
}
REFUSED = {403, 404}


def make_caller(caller: str, event: Event, *others: Event) -> APIClient:
    user = make_user(organizer=event.organizer, role=ROLES[caller], is_staff=True)
    if caller.islower():
        membership = Membership.objects.get(user=user)
        membership.only_some_events = True
        membership.save()
        membership.events.set([event, *others])
    return as_user(user)


def paths_of(event: Event, draft: Event) -> dict[str, str]:
    order = make_paid_order(ticket_type=event.ticket_types.get())
    device = Device.objects.filter(events=event).order_by("created_at").first()
    if device is None:
        make_device(event)
        device = Device.objects.get(events=event)
    return {
        "event": str(event.pk),
        "draft": str(draft.pk),
        "order": str(order.pk),
        "ticket": str(Ticket.objects.of_order(order.pk).get().pk),
        "device": str(device.pk),
    }


def is_refused(client: APIClient, method: str, path: str, body: Any = None) -> bool:
    """Return whether the caller is refused. An empty body is refused later, as bad input."""
    send: Any = getattr(client, method)
    status = send(path, body or {}, format="json").status_code if body or method != "get" else 0
    status = status or send(path).status_code
    assert status < 500, (method, path, status)
    return status in REFUSED


@pytest.mark.parametrize("caller", ROLES)
def test_a_session_does_at_its_events_what_the_matrix_allows(caller: str):
    event = make_event()
    draft = make_event(organizer=event.organizer, status="draft")
    client, paths = make_caller(caller, event, draft), paths_of(event, draft)

    found = {row: not is_refused(client, row[0], row[1].format(**paths)) for row in MATRIX}

    assert found == {row: caller in allowed for row, allowed in MATRIX.items()}


@pytest.mark.parametrize("caller", list("mfdv"))
def test_the_session_of_a_limited_member_is_refused_at_other_events(caller: str):
    event = make_event()
    other = make_event(organizer=event.organizer)
    draft = make_event(organizer=event.organizer, status="draft")
    client, paths = make_caller(caller, event), paths_of(other, draft)

    allowed = [row for row in MATRIX if not is_refused(client, row[0], row[1].format(**paths))]

    assert allowed == []


@pytest.mark.parametrize("caller", ROLES)
def test_a_session_makes_for_its_organizer_what_the_matrix_allows(caller: str):
    event = make_event()
    client = make_caller(caller, event)
    bodies = {
        "/events": {
            "name": "Show",
            "venue": "Teatro",
            "city": "Recife",
            "starts_at": "2099-01-10T21:00:00-03:00",
            "ends_at": "2099-01-11T02:00:00-03:00",
            "capacity": 100,
            "price": "45.00",
        },
        "/webhooks": {"url": "https://shop.example.com/hooks"},
        "/devices": {"name": "Phone", "events": [str(event.pk)]},
    }

    found = {row: not is_refused(client, *row, bodies[row[1]]) for row in OF_ORGANIZER}

    assert found == {row: caller in allowed for row, allowed in OF_ORGANIZER.items()}


def test_lists_show_a_limited_member_the_rows_of_the_own_events():
    event = make_event(external_id="tour")
    other = make_event(organizer=event.organizer, external_id="tour")
    orders = [make_paid_order(ticket_type=e.ticket_types.get()) for e in (event, other)]
    for at in [(event,), (other,), (event, other)]:
        make_device(*at)
    client = make_caller("m", event)

    found = client.get("/orders").json()["results"]
    assert [order["id"] for order in found] == [str(orders[0].pk)]
    found = client.get("/events?external_id=tour").json()["results"]
    assert [each["id"] for each in found] == [str(event.pk)]
    found = client.get("/devices").json()["results"]
    assert [device["events"] for device in found] == [[str(event.pk)]]


def test_a_limited_member_makes_devices_for_the_own_events_alone():
    event = make_event()
    other = make_event(organizer=event.organizer)
    client = make_caller("d", event)

    def make(**fields: Any) -> int:
        status: int = client.post("/devices", {"name": "A", **fields}, format="json").status_code
        return status

    assert make(events=[str(event.pk)]) == 201
    assert make(events=[str(event.pk), str(other.pk)]) == 400
    assert make(all_events=True) == 400
    assert Device.objects.count() == 1


def test_a_limited_member_scans_the_tickets_of_the_own_events_alone():
    event = make_event()
    other = make_event(organizer=event.organizer)
    client = make_caller("d", event)
    own, foreign = (
        Ticket.objects.of_order(make_paid_order(ticket_type=e.ticket_types.get()).pk).get()
        for e in (event, other)
    )

    def scan(ticket: Ticket, **fields: Any) -> Any:
        return client.post("/tickets/validate", {"code": ticket.code, **fields}, format="json")

    refused = scan(foreign)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_event")
    assert "Ana" not in refused.content.decode()
    assert scan(foreign, event=str(event.pk)).json()["code"] == "wrong_event"
    assert scan(own, event=str(other.pk)).status_code == 404
    assert scan(own).status_code == 200
    assert first_admission(own.pk) is not None
    assert first_admission(foreign.pk) is None


@pytest.mark.parametrize(
    ("caller", "codes"), [("V", "hidden"), ("F", "hidden"), ("v", "hidden"), ("m", "shown")]
)
def test_members_who_only_read_get_no_codes_that_open_the_gate(caller: str, codes: str):
    event = make_event()
    order = make_paid_order(ticket_type=event.ticket_types.get())
    ticket = Ticket.objects.of_order(order.pk).get()
    client = make_caller(caller, event)

    bodies = [
        client.get(f"/events/{event.slug}/tickets").json()["results"][0],
        client.get(f"/tickets/{ticket.pk}").json(),
        shown := client.get(f"/orders/{order.pk}/ticket").json()["tickets"][0],
    ]

    assert {body["code"] for body in bodies} == {ticket.code if codes == "shown" else ""}
    assert (shown["qr_code_url"] is not None) == (codes == "shown")
