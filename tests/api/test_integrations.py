"""An organizer's system makes webhooks and door devices, and pairs phones as devices."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from events.models import ApiToken, Event
from tests.make import SOMEBODY, as_bearer, as_organizer, make_api_token, make_event, make_ticket
from tests.race import race
from ticketing import clock
from ticketing.models import Act, StoredResponse
from tickets.door import devices
from tickets.models import Device
from tickets.webhooks.models import WebhookEndpoint
from tickets.webhooks.signing import renew_secret, secrets_of

pytestmark = pytest.mark.django_db(transaction=True)

HOOK = {"url": "https://shop.example.com/hooks", "types": ["order.paid"]}
KEY = {"Idempotency-Key": "0198c6e7-b1c7-4f50-9d0a-3b1d6f1f2c4e"}


def token_of(event: Event, *scopes: str) -> APIClient:
    return as_bearer(make_api_token(organizer=event.organizer, scopes=scopes))


def errors(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.json()
    return [error["pointer"] for error in answer.json()["errors"]]


def test_only_the_response_to_a_new_webhook_has_its_secret_which_is_stored_nowhere():
    event = make_event()
    client = token_of(event, "webhooks:write")

    made = client.post("/webhooks", HOOK, headers=KEY)
    again = client.post("/webhooks", HOOK, headers=KEY)
    listed = client.get("/webhooks").json()["results"]

    endpoint = WebhookEndpoint.objects.get()
    assert made.status_code == 201
    assert made.json()["secret"] == secrets_of(endpoint, now=clock.now())[0]
    assert again.json() == made.json()
    assert made.json()["secret"] not in StoredResponse.objects.get().body
    assert [set(row) for row in listed] == [{"id", "url", "types", "created_at", "disabled_at"}]
    assert (listed[0]["url"], listed[0]["types"]) == (HOOK["url"], ["order.paid"])
    assert Act.objects.get(type="webhook.created").actor_name == "integration"


def test_a_replay_does_not_return_a_secret_that_was_renewed_since():
    event = make_event()
    client = as_organizer(event)
    client.post("/webhooks", HOOK, headers=KEY)
    endpoint = WebhookEndpoint.objects.get()
    renew_secret(endpoint_id=endpoint.pk, version=1, actor=SOMEBODY, now=clock.now())

    again = client.post("/webhooks", HOOK, headers=KEY)

    assert (again.status_code, again.json()["code"]) == (409, "access_token_lost")


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"url": "http://shop.example.com/"}, None),
        ({"url": "https://10.0.0.1/"}, None),
        ({"url": "https://user:pass@shop.example.com/"}, None),
        ({"url": "shop"}, None),
        ({"url": None}, None),
        ({"types": ["order.lost"]}, ["#/types/0"]),
        ({"types": "order.paid"}, ["#/types"]),
        ({"secret": "whsec_x"}, ["#/secret"]),
    ],
)
def test_a_webhook_with_a_wrong_value_is_not_made(
    settings: Any, change: dict[str, Any], pointers: list[str] | None
):
    settings.WEBHOOKS_ALLOWED_NETWORKS = []
    answer = as_organizer(make_event()).post("/webhooks", HOOK | change)

    assert errors(answer) == (pointers or ["#/url"])
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize("path", ["/webhooks", "/devices"])
def test_nothing_is_made_for_another_organizer(path: str):
    other = make_event().organizer_id
    body = HOOK if path == "/webhooks" else {"name": "Phone", "all_events": True}

    answer = as_organizer(make_event()).post(path, {**body, "organizer": str(other)})

    assert (answer.status_code, answer.json()["code"]) == (404, "organizer_not_found")
    assert not WebhookEndpoint.objects.exists()
    assert not Device.objects.exists()


def test_concurrent_requests_make_no_more_than_sixteen_webhooks_for_an_organizer():
    event = make_event()
    for number in range(14):
        WebhookEndpoint.objects.create(
            organizer=event.organizer, url=f"https://example.com/{number}"
        )
    clients = [as_organizer(event) for _ in range(5)]

    answers: list[Any] = race(
        *[lambda client=client: client.post("/webhooks", HOOK) for client in clients]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409]
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert refused == ["too_many_webhooks"] * 3


def test_the_response_to_a_new_device_has_its_token_which_checks_tickets_in():
    ticket = make_ticket()
    client = token_of(ticket.event, "devices:write")
    device_fields = {"name": "Phone 1", "gate": "North", "events": [str(ticket.event_id)]}

    made = client.post("/devices", device_fields, headers=KEY)
    again = client.post("/devices", device_fields, headers=KEY)
    listed = client.get("/devices").json()["results"]
    scan = as_bearer(made.json()["token"]).post("/tickets/validate", {"code": ticket.code})

    assert (made.status_code, again.json()) == (201, made.json())
    assert made.json()["token"] not in StoredResponse.objects.get().body
    assert "token" not in listed[0]
    assert listed[0]["events"] == device_fields["events"]
    assert (scan.status_code, Device.objects.count()) == (200, 1)


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"name": ""}, ["#/name"]),
        ({"name": "x" * 101}, ["#/name"]),
        ({"gate": "a\nb"}, ["#/gate"]),
        ({"events": []}, ["#/events"]),
        ({"events": ["x"]}, ["#/events/0"]),
        ({"events": ["01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"]}, ["#/events"]),
        ({"all_events": False}, ["#/events"]),
        ({"all_events": "true"}, ["#/all_events"]),
        ({"token": "dev_x"}, ["#/token"]),
    ],
)
def test_a_device_with_a_wrong_value_is_not_made(change: dict[str, Any], pointers: list[str]):
    answer = as_organizer(make_event()).post("/devices", {"name": "Phone", **change})

    assert errors(answer) == pointers
    assert not Device.objects.exists()


def test_a_device_for_an_event_of_another_organizer_is_refused():
    answer = as_organizer(make_event()).post(
        "/devices", {"name": "Phone", "events": [str(make_event().pk)]}
    )

    assert errors(answer) == ["#/events"]


def test_making_a_supervisors_device_needs_the_scope_tickets_write():
    event = make_event()
    device_fields = {"name": "Phone", "all_events": True, "is_supervisor": True}

    refused = token_of(event, "devices:write").post("/devices", device_fields)
    made = token_of(event, "devices:write", "tickets:write").post("/devices", device_fields)

    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")
    assert (made.status_code, made.json()["is_supervisor"]) == (201, True)


def test_concurrent_requests_make_no_more_devices_than_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "MOST_DEVICES", 2)
    event = make_event()
    clients = [as_organizer(event) for _ in range(4)]
    device_fields = {"name": "Phone", "all_events": True}

    answers: list[Any] = race(
        *[lambda client=client: client.post("/devices", device_fields) for client in clients]
    )

    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]
    clients[0].post(f"/devices/{Device.objects.first().pk}/revoke")  # type: ignore[union-attr]
    assert clients[0].post("/devices", device_fields).status_code == 201


def make_phone(event: Event) -> tuple[APIClient, str, str]:
    """Return the client of the organizer's system, a new device's id, and its first token."""
    client = as_organizer(event)
    made = client.post("/devices", {"name": "Phone", "all_events": True}).json()
    return client, made["id"], made["token"]


def test_a_pairing_code_works_once_and_ends_the_old_token(api: APIClient):
    ticket = make_ticket()
    client, device, old = make_phone(ticket.event)
    pairing = client.post(f"/devices/{device}/pairing")
    code = {"pairing_code": pairing.json()["pairing_code"]}

    paired = api.post("/devices/pair", code)
    again = api.post("/devices/pair", code)

    assert (pairing.status_code, paired.status_code, paired.json()["id"]) == (201, 200, device)
    assert (again.status_code, again.json()["code"]) == (404, "pairing_not_valid")
    scan = {"code": ticket.code}
    assert as_bearer(old).post("/tickets/validate", scan).status_code == 401
    assert as_bearer(paired.json()["token"]).post("/tickets/validate", scan).status_code == 200
    acts = Act.objects.filter(subject_id=device).order_by("at", "pk")
    assert list(acts.values_list("type", "actor_kind")) == [
        ("device.created", "token"),
        ("device.pairing_started", "token"),
        ("device.paired", "device"),
    ]


def test_a_retried_pairing_with_a_key_gets_the_same_response(api: APIClient):
    client, device, _ = make_phone(make_event())
    code = client.post(f"/devices/{device}/pairing").json()["pairing_code"]

    first, again = (
        api.post("/devices/pair", {"pairing_code": code}, headers=KEY) for _ in range(2)
    )

    assert (first.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


def test_of_five_concurrent_phones_with_one_code_one_is_paired():
    client, device, _ = make_phone(make_event())
    code = client.post(f"/devices/{device}/pairing").json()["pairing_code"]

    answers: list[Any] = race(
        *[lambda: APIClient().post("/devices/pair", {"pairing_code": code})] * 5
    )

    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404, 404]


@pytest.mark.parametrize("end", ["too late", "another code", "revoked"])
def test_an_expired_replaced_or_revoked_code_pairs_no_phone(
    api: APIClient, end: str, monkeypatch: pytest.MonkeyPatch
):
    client, device, token = make_phone(make_event())
    code = client.post(f"/devices/{device}/pairing").json()["pairing_code"]
    if end == "too late":
        later = clock.now() + timedelta(minutes=15)
        monkeypatch.setattr(clock, "now", lambda: later)
    else:
        client.post(f"/devices/{device}/{'revoke' if end == 'revoked' else 'pairing'}")

    answer = api.post("/devices/pair", {"pairing_code": code})

    assert (answer.status_code, answer.json()["code"]) == (404, "pairing_not_valid")
    assert Device.objects.get().hint == token[:8]


def test_a_revoked_device_can_neither_check_in_nor_be_paired():
    ticket = make_ticket()
    client, device, token = make_phone(ticket.event)

    revoked = client.post(f"/devices/{device}/revoke").json()
    pairing = client.post(f"/devices/{device}/pairing")

    assert revoked["revoked_at"] is not None
    assert (pairing.status_code, pairing.json()["code"]) == (409, "device_revoked")
    scan = as_bearer(token).post("/tickets/validate", {"code": ticket.code})
    assert scan.status_code == 401


def test_a_pairing_code_is_not_accepted_as_a_token(api: APIClient):
    client, device, _ = make_phone(make_event())
    code = client.post(f"/devices/{device}/pairing").json()["pairing_code"]

    assert as_bearer(code).post("/tickets/validate", {"code": "x"}).status_code == 401
    assert ApiToken.objects.count() == 1
