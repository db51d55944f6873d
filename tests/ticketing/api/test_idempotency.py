"""A client that lost the response retries with the same key, and the change is made once."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from rest_framework.test import APIClient

from events.models import ApiToken, Event
from events.publishing import publish_event
from orders import reservation_views
from orders.confirmation import accept_payment, confirmation_token
from orders.models import Order, Payment
from orders.shop_record import ShopRecord
from tests.api.test_document import DOCUMENT
from tests.crash import AFTER, BEFORE, crash
from tests.make import (
    CUSTOMER,
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_api_token,
    make_device,
    make_event,
    make_reservation,
    make_reserved_order,
    make_ticket,
    make_ticket_type,
    reservation_request,
)
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.api import idempotency
from ticketing.ids import new_id
from ticketing.models import Act as Done
from ticketing.models import StoredResponse
from ticketing.tokens import make_pairing_code
from tickets.door.devices import start_pairing
from tickets.models import Device, Scan, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

KEY = "0198c6e7-b1c7-4f50-9d0a-3b1d6f1f2c4e"
OTHER_KEY = "5a1c9d70-52c4-4c0e-8a55-f2a1de0c7b31"


def buy(event: Any, *, key: str = KEY, quantity: int = 1, client: Any = None) -> Any:
    reservation = reservation_request(event, quantity)
    client = client or APIClient(raise_request_exception=False)
    return client.post("/orders", reservation, headers={"Idempotency-Key": key})


def test_a_retry_gets_the_response_of_the_first_request_and_buys_once():
    event = make_event(capacity=10)

    first, again = buy(event), buy(event)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Order.objects.count() == 1


def test_the_token_in_a_replay_opens_the_order_and_is_stored_nowhere():
    event = make_event()
    buy(event)

    replayed = buy(event).json()

    order = as_bearer(replayed["access_token"]).get(f"/orders/{replayed['id']}")
    assert order.status_code == 200
    stored = StoredResponse.objects.get()
    columns = f"{stored.body} {stored.headers} {stored.digest} {stored.salt}"
    assert replayed["access_token"] not in columns


@pytest.mark.parametrize("key", [f'"{KEY}"', f" {KEY} "])
def test_a_key_is_the_same_bare_and_quoted(key: str):
    event = make_event()

    assert buy(event, key=key).json()["id"] == buy(event).json()["id"]


def test_another_key_buys_again():
    event = make_event()

    assert buy(event).json()["id"] != buy(event, key=OTHER_KEY).json()["id"]


def test_the_same_key_with_another_body_is_refused_and_changes_nothing():
    event = make_event()
    buy(event)

    answer = buy(event, quantity=2)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "schlüssel"])
def test_a_text_that_is_not_a_key_is_refused_and_changes_nothing(key: str):
    answer = buy(make_event(), key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["code"] == "invalid_idempotency_key"
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "key",
    [
        OTHER_KEY,
        OTHER_KEY.upper(),
        OTHER_KEY.replace("-", ""),
        "13cGVcr9nvsbY-hMMf_g8Q",
        "OFRCKK2RZ7XGUQBY43H6M52WDE",
    ],
    ids=["uuid", "upper case", "hexadecimal", "base64", "base32"],
)
def test_a_random_key_of_128_bits_is_enough_for_a_caller_without_a_token(key: str):
    assert buy(make_event(), key=key).status_code == 201


@pytest.mark.parametrize(
    "key",
    [
        "a-key",
        "order-2027-01-10",
        "619d06d46dd6a73d1c927cbccabded",
        "13cGVcr9nvsbY-hMMf_g8",
        "1" * 60,
        "0123456789" * 3,
        "00000000-0000-0000-0000-000000000000",
        "-" * 30 + "ana@example.com",
    ],
)
def test_a_key_that_others_could_guess_is_refused_to_a_caller_without_a_token(key: str):
    """Another caller with the same address, key and body would get the order's token."""
    answer = buy(make_event(), key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["code"] == "weak_idempotency_key"
    assert (Order.objects.count(), StoredResponse.objects.count()) == (0, 0)


def test_a_caller_with_a_token_may_send_a_short_key():
    event = make_event()

    assert buy(event, key="a-key", client=as_organizer(event)).status_code == 201


def test_a_retry_after_a_crash_behind_the_commit_buys_once():
    event = make_event(capacity=10)
    with crash(AFTER, "orders.holding:write_reservation"):
        buy(event)
    assert Order.objects.count() == 1

    answer = buy(event)

    assert answer.status_code == 201
    assert answer.json()["id"] == str(Order.objects.get().pk)
    assert as_bearer(answer.json()["access_token"]).get(f"/orders/{answer.json()['id']}").data


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_crash_while_the_response_is_stored_leaves_no_order(moment: str):
    event = make_event(capacity=10)
    with crash(moment, "ticketing.models:StoredResponse.objects.create"):
        buy(event)
    assert not Order.objects.exists()

    assert buy(event).status_code == 201
    assert (Order.objects.count(), StoredResponse.objects.count()) == (1, 1)


def test_twenty_concurrent_requests_with_one_key_buy_once():
    event = make_event(capacity=100)

    answers: list[Any] = race(*[lambda: buy(event)] * 20)

    # `code` is the order's code in a 201, and the problem's code in a 409.
    codes = {answer.json()["code"] for answer in answers}
    assert codes <= {Order.objects.get().code, "idempotency_key_in_use"}
    assert {answer.status_code for answer in answers} <= {201, 409}


def test_a_retry_while_the_first_request_runs_gets_409_with_retry_after():
    event = make_event()
    reservation = reservation_request(event)
    second: list[Any] = []
    act = reservation_views.Orders._reserve

    def retry_meanwhile(view: Any, request: Any, responses: Any) -> Any:
        def retry() -> None:
            second.append(buy(event))
            connection.close()

        if not second:
            race(retry)
        return act(view, request, responses)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reservation_views.Orders, "_reserve", retry_meanwhile)
        first = APIClient().post("/orders", reservation, headers={"Idempotency-Key": KEY})

    assert first.status_code == 201
    assert (second[0].status_code, second[0].json()["code"]) == (409, "idempotency_key_in_use")
    assert second[0].headers["Retry-After"] == "1"


def test_a_final_refusal_is_stored_and_one_that_may_change_is_not():
    event = make_event(capacity=1)
    other = buy(event, key=OTHER_KEY)
    assert buy(event).json()["code"] == "sold_out"

    as_bearer(other.json()["access_token"]).post(f"/orders/{other.json()['id']}/cancel")
    assert buy(event).status_code == 201

    reservation = {
        "event": event.slug,
        "quantity": 1,
        "customer": {"name": "Ana", "email": "nowhere"},
    }
    client = APIClient(headers={"Idempotency-Key": str(uuid4())})
    first, again = client.post("/orders", reservation), client.post("/orders", reservation)
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.json() == first.json()
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"


def test_after_a_404_a_retry_with_the_same_key_buys_an_event_that_was_published_since():
    event = make_event(status="draft", capacity=10)
    assert buy(event).status_code == 404

    publish_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())

    answer = buy(event)
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (201, None)


def test_after_a_403_a_retry_with_the_same_key_succeeds_once_the_token_has_the_scope():
    ticket = make_ticket()
    organizer, path = ticket.event.organizer, f"/tickets/{ticket.pk}/reissue"
    client = as_bearer(make_api_token(organizer=organizer, scopes=["orders:read"]))
    assert client.post(path, headers=key_of("one")).status_code == 403

    ApiToken.objects.update(scopes=["tickets:write", "orders:write"])

    assert client.post(path, headers=key_of("one")).status_code == 201
    assert {stored.status for stored in StoredResponse.objects.all()} == {201}


def test_a_404_that_the_previous_release_stored_is_not_replayed():
    event = make_event(capacity=10)
    reservation = {
        "event": event.slug,
        "quantity": 1,
        "customer": {"name": "Ana", "email": "nowhere"},
    }
    client = APIClient(headers=key_of(KEY))
    assert client.post("/orders", reservation).status_code == 400
    StoredResponse.objects.update(status=404)

    assert "Idempotent-Replayed" not in client.post("/orders", reservation).headers


def test_a_retried_payment_with_one_key_pays_once_and_gets_the_same_response(queue: RecordingQueue):
    reservation = make_reservation()
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}/payment"
    pay = {"method": "card", "token": "tok_approved"}
    first = buyer.post(path, pay, headers={"Idempotency-Key": "a-key"})
    Order.objects.update(status="payment_failed")

    again = buyer.post(path, pay, headers={"Idempotency-Key": "a-key"})

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert first.json()["status"] == "processing"
    assert Payment.objects.count() == len(queue.sent) == 1


def test_a_payment_that_is_charged_at_once_has_the_response_that_a_retry_gets(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    reservation = make_reservation()
    buyer, path = as_bearer(reservation.token.text), f"/orders/{reservation.order_id}/payment"
    # A worker that is faster than the rest of the request.
    monkeypatch.setattr(
        "ticketing.queue.messages._send",
        lambda *_message: Order.objects.update(status="payment_failed"),
    )

    first, again = (buyer.post(path, PAYMENT, headers={"Idempotency-Key": KEY}) for _ in range(2))

    assert first.json()["status"] == "processing"
    assert again.json() == first.json()


def test_two_tokens_may_use_the_same_key():
    one, two = make_reservation(), make_reservation()
    pay = {"method": "card", "token": "tok_approved"}

    answers = [
        as_bearer(made.token.text).post(
            f"/orders/{made.order_id}/payment", pay, headers={"Idempotency-Key": "a-key"}
        )
        for made in (one, two)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_without_a_token_a_key_belongs_to_the_address():
    """A guess of the key and the body from another address gets no token and blocks no caller."""
    event = make_event(capacity=10)
    mine, other = (APIClient(REMOTE_ADDR=f"203.0.113.{host}") for host in (7, 8))
    other.post("/orders", {}, headers=key_of(KEY))

    first, guessed = buy(event, client=mine), buy(event, client=other)

    assert (first.status_code, guessed.json()["code"]) == (201, "idempotency_key_reused")
    assert buy(event, key=OTHER_KEY, client=other).json()["id"] != first.json()["id"]
    assert buy(event, client=mine).json() == first.json()


def test_a_response_that_the_previous_release_stored_without_an_address_is_not_replayed():
    """Only the key protected it, so a caller that guesses the key would get the token."""
    event = make_event(capacity=10)
    first = buy(event)
    StoredResponse.objects.update(
        digest=sha256(f"anybody\0POST\0/orders\0{KEY}".encode()).hexdigest()
    )

    assert buy(event).json()["id"] != first.json()["id"]


def test_two_addresses_of_one_ipv6_subscriber_share_their_keys():
    event = make_event(capacity=10)
    first, again = (
        buy(event, client=APIClient(REMOTE_ADDR=f"2001:db8:1:2::{host}")) for host in (1, 2)
    )

    assert again.json() == first.json()


def test_after_a_new_secret_key_with_its_fallback_the_replay_returns_the_true_token(settings: Any):
    event = make_event(capacity=10)
    first = buy(event)
    settings.SECRET_KEY, old = "a-new-secret", settings.SECRET_KEY
    settings.SECRET_KEY_FALLBACKS = ["another", old]

    again = buy(event)

    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    # Also from a process that is not rolled out yet.
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, ["a-new-secret"]
    assert buy(event).content == first.content


def test_a_response_stored_by_the_new_secret_key_is_replayed_by_a_process_with_the_old(
    settings: Any,
):
    event = make_event(capacity=10)
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-new-secret", [old]
    first = buy(event)

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = old, ["a-new-secret"]

    assert buy(event).content == first.content
    assert Order.objects.count() == 1


def test_without_a_fallback_key_a_shop_gets_access_token_lost(settings: Any):
    event = make_event(capacity=10)
    shop = as_bearer(make_api_token(organizer=event.organizer, scopes=["orders:write"]))
    first = buy(event, client=shop)
    settings.SECRET_KEY = "a-new-secret"

    again = buy(event, client=shop)

    assert (again.status_code, again.json()["code"]) == (409, "access_token_lost")
    assert "access_token" not in again.json()
    assert as_bearer(first.json()["access_token"]).get(f"/orders/{first.json()['id']}").data
    assert Order.objects.count() == 1


def test_without_a_fallback_key_a_retry_without_a_token_reserves_again(settings: Any):
    """Its address has another digest, so its stored response is not found."""
    event = make_event(capacity=10)
    first = buy(event)
    settings.SECRET_KEY = "a-new-secret"

    assert buy(event).json()["id"] != first.json()["id"]


def test_a_replay_never_returns_a_token_that_does_not_open_the_order():
    event = make_event(capacity=10)
    buy(event)
    Order.objects.update(access_token_digest="0" * 64)

    assert buy(event).json()["code"] == "access_token_lost"


def test_a_stored_response_expires_after_a_day(monkeypatch: pytest.MonkeyPatch):
    event = make_event()
    buy(event)
    tomorrow = clock.now() + timedelta(hours=24, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)

    assert buy(event).headers.get("Idempotent-Replayed") is None
    assert Order.objects.count() == 2

    StoredResponse.objects.update(created_at=tomorrow - timedelta(hours=25))
    idempotency.delete_old_responses()
    assert not StoredResponse.objects.exists()


def test_without_a_key_no_response_is_stored():
    event = make_event()
    reservation = reservation_request(event)

    assert (
        APIClient().post("/orders", reservation).json()["id"]
        != (APIClient().post("/orders", reservation).json()["id"])
    )
    assert not StoredResponse.objects.exists()


def key_of(name: str) -> dict[str, str]:
    return {"Idempotency-Key": name}


def test_an_event_is_created_once_with_one_key():
    organizer = as_organizer(make_event())
    event = {
        "name": "Roda de Samba",
        "venue": "Pedra do Sal",
        "city": "Rio de Janeiro",
        "starts_at": "2099-02-01T18:00:00-03:00",
        "ends_at": "2099-02-01T23:00:00-03:00",
        "capacity": 5,
        "price": "30.00",
        "status": "published",
    }

    first, again = (organizer.post("/events", event, headers=key_of("one")) for _ in range(2))

    assert (first.status_code, again.status_code, first.json()["available"]) == (201, 201, 5)
    assert again.json() == first.json()
    assert (again.headers["Location"], again.headers["Idempotent-Replayed"]) == (
        first.headers["Location"],
        "true",
    )
    assert Event.objects.filter(name="Roda de Samba").count() == 1
    assert organizer.get(first.headers["Location"]).json() == first.json()


@dataclass(frozen=True)
class Act:
    """A request that changes something, the status of its response, and its messages to workers."""

    method: str
    path: str
    status: int
    body: Any = None
    messages: int = 0


REFUND = {"full": True}
HOLDER = {"holder_name": "Bia Lima"}
PAYMENT = {"method": "card", "token": "tok_approved"}
EVENT = {
    "name": "Show",
    "venue": "Teatro",
    "city": "Recife",
    "starts_at": "2099-02-01T18:00:00-03:00",
    "ends_at": "2099-02-01T23:00:00-03:00",
    "capacity": 5,
    "price": "30.00",
}
ITEM = {"ticket_type": "{type}", "quantity": 1}
ACTS = [
    Act("post", "/events", 201, EVENT),
    Act("post", "/events/{event}/promo-codes", 201, {"code": "AMIGOS-10", "percent": "10.00"}),
    Act("post", "/orders", 201, {"event": "{event}", "items": [ITEM], "customer": CUSTOMER}),
    Act("post", "/orders/{reserved}/payment", 202, PAYMENT, messages=1),
    Act("post", "/orders/{reserved}/cancel", 200),
    Act("post", "/orders/{free}/confirmation", 202, {"token": "{link}"}, messages=1),
    Act("post", "/orders/{paid}/refund", 202, REFUND, messages=1),
    Act("post", "/orders/{paid}/refund", 202, {"tickets": ["{ticket}"]}, messages=1),
    Act("post", "/orders/{paid}/resend", 202, messages=1),
    Act("post", "/tickets/{ticket}/reissue", 201, messages=1),
    Act("patch", "/tickets/{ticket}", 200, HOLDER, messages=1),
    Act("post", "/tickets/{ticket}/exchange", 201, {"ticket_type": "{other_type}"}, messages=1),
    Act("post", "/tickets/{ticket}/revoke", 200),
    Act("post", "/tickets/{used}/checkin/undo", 200),
    Act("post", "/webhooks", 201, {"url": "https://shop.example.com/hooks"}),
    Act("post", "/devices", 201, {"name": "Phone", "events": ["{event_id}"]}),
    Act("post", "/devices/{device}/pairing", 201),
    Act("post", "/devices/{device}/revoke", 200),
    Act("post", "/devices/pair", 200, {"pairing_code": "{pairing}"}),
    Act("post", "/tickets/validate", 200, {"code": "{code}"}),
    Act("post", "/door/parties", 200, {"code": "{code}", "scan_ids": ["{scan}"]}),
    Act("post", "/door/guests/{ticket}/admit", 200, {"reason": "phone_is_out"}),
]


@pytest.fixture
def sale(queue: RecordingQueue) -> tuple[dict[str, str], dict[str, APIClient]]:
    """Create a row of each kind, and return values for the paths, and the client for each path."""
    event = make_event()
    kind = event.ticket_types.get()
    reserved = make_reservation(ticket_type=kind)
    free = make_reserved_order(ticket_type=make_ticket_type(price="0.00"))
    accept_payment(order=free, method="free", token="", now=clock.now())
    used = make_ticket(ticket_type=kind)
    organizer = as_organizer(event)
    organizer.post("/tickets/validate", {"code": used.code})
    ticket = make_ticket(ticket_type=kind)
    other_type = make_ticket_type(event=event, price=str(kind.price), name="Camarote")
    door = as_bearer(make_device(event))
    Device.objects.update(is_supervisor=True)
    device = Device.objects.get()
    pairing = make_pairing_code()
    start_pairing(device_id=device.pk, digest=pairing.digest, actor=SOMEBODY, now=clock.now())
    queue.sent.clear()
    names = {
        "event": event.slug,
        "event_id": str(event.pk),
        "device": str(device.pk),
        "pairing": pairing.text,
        "reserved": str(reserved.order_id),
        "free": str(free.pk),
        "link": confirmation_token(free),
        "paid": str(ticket.order_id),
        "ticket": str(ticket.pk),
        "code": ticket.code,
        "used": str(used.pk),
        "scan": str(new_id()),
        "type": str(kind.pk),
        "other_type": str(other_type.pk),
    }
    buyer = as_bearer(reserved.token.text)
    return names, {
        "/orders/{reserved}": buyer,
        "/orders/{free}": APIClient(),
        "/door": door,
        "": organizer,
    }


def fill_in(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: fill_in(inner, names) for name, inner in value.items()}
    if isinstance(value, list):
        return [fill_in(inner, names) for inner in value]
    return value.format(**names) if isinstance(value, str) else value


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.method} {act.path}")
def test_a_request_with_a_key_is_done_once_and_its_retry_gets_the_same_response(
    sale: tuple[dict[str, str], dict[str, APIClient]], queue: RecordingQueue, act: Act
):
    names, callers = sale
    client = next(client for start, client in callers.items() if act.path.startswith(start))
    send = partial(getattr(client, act.method), act.path.format(**names), fill_in(act.body, names))
    responses, acts = StoredResponse.objects.count(), Done.objects.count()

    first = send(headers=key_of(KEY))
    done = Done.objects.count() - acts
    again = send(headers=key_of(KEY))

    assert (first.status_code, again.status_code) == (act.status, act.status), first.content
    assert again.json() == first.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(queue.sent) == act.messages
    assert StoredResponse.objects.count() == responses + 1
    assert Done.objects.count() == acts + done

    other = getattr(client, act.method)(act.path.format(**names), {"x": 1}, headers=key_of(KEY))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_every_post_takes_the_key_and_documents_it():
    posts = {path: each["post"] for path, each in DOCUMENT["paths"].items() if "post" in each}
    # It changes nothing. It is a POST so that no code stands in an address, which logs keep.
    posts.pop("/events/{reference}/promo-code")
    # The same, for names and addresses of guests.
    posts.pop("/door/guests")
    # An order has one Pix, so a repeat returns the same one without a key.
    posts.pop("/orders/{order_id}/pix")
    # Each scan of a batch has an id of its own, so a repeat gets the same results without a key.
    posts.pop("/door/scans")
    tried = {re.sub(r"\{\w+\}", "{}", act.path) for act in ACTS if act.method == "post"}

    documented = [
        path
        for path, post in posts.items()
        if "Idempotency-Key" in {each["name"] for each in post.get("parameters", [])}
    ]

    assert documented == list(posts)
    assert {re.sub(r"\{\w+\}", "{}", path) for path in posts} == tried


@pytest.mark.parametrize("act", ACTS, ids=lambda act: f"{act.method} {act.path}")
def test_a_crash_while_the_response_is_stored_undoes_the_change(
    sale: tuple[dict[str, str], dict[str, APIClient]], queue: RecordingQueue, act: Act
):
    names, callers = sale
    client = next(client for start, client in callers.items() if act.path.startswith(start))
    client.raise_request_exception = False
    path, body = act.path.format(**names), fill_in(act.body, names)
    before = (
        Done.objects.count(),
        Scan.objects.count(),
        sorted(Order.objects.values_list("pk", "status")),
        sorted(Ticket.objects.values_list("pk", "status")),
    )

    with crash(AFTER, "ticketing.models:StoredResponse.objects.create"):
        getattr(client, act.method)(path, body, headers=key_of(KEY))

    assert before == (
        Done.objects.count(),
        Scan.objects.count(),
        sorted(Order.objects.values_list("pk", "status")),
        sorted(Ticket.objects.values_list("pk", "status")),
    )
    assert queue.sent == []
    again = getattr(client, act.method)(path, body, headers=key_of(KEY))
    assert again.status_code == act.status


def test_a_refused_scan_with_a_key_is_on_record_and_not_stored():
    ticket = make_ticket()
    client = as_organizer(ticket.event)
    client.post(f"/tickets/{ticket.pk}/revoke")

    answers = [
        client.post("/tickets/validate", {"code": ticket.code}, headers=key_of("one"))
        for _ in range(2)
    ]

    assert [answer.json()["code"] for answer in answers] == ["revoked", "revoked"]
    assert (Scan.objects.count(), StoredResponse.objects.count()) == (2, 0)


def test_a_repeated_scan_id_with_a_new_key_gets_the_first_response():
    ticket = make_ticket()
    client = as_organizer(ticket.event)
    scan = {"code": ticket.code, "scan_id": str(uuid4())}

    first, again = (
        client.post("/tickets/validate", scan, headers=key_of(key)) for key in ("one", "two")
    )

    assert (again.status_code, again.json()) == (200, first.json())
    assert Scan.objects.count() == 1


def test_a_retried_scan_with_a_key_admits_once_and_gets_the_same_response():
    ticket = make_ticket()
    door = as_bearer(make_device(ticket.event))

    first, again = (
        door.post("/tickets/validate", {"code": ticket.code}, headers=key_of("one"))
        for _ in range(2)
    )

    assert (first.status_code, again.json()) == (200, first.json())
    assert Scan.objects.count() == 1


def test_a_revoked_token_gets_no_stored_response():
    ticket = make_ticket()
    client, path = as_organizer(ticket.event), f"/tickets/{ticket.pk}/reissue"
    assert client.post(path, headers=key_of("one")).status_code == 201

    ApiToken.objects.update(revoked_at=clock.now())

    assert client.post(path, headers=key_of("one")).json()["code"] == "invalid_token"


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_a_shops_dead_token_gets_no_stored_order_payment_or_token_of_an_order(column: str):
    event = make_event()
    shop = as_organizer(event)
    order = buy(event, client=shop).json()

    def pay() -> Any:
        card = {"method": "card", "token": "tok_approved"}
        return shop.post(f"/orders/{order['id']}/payment", card, headers=key_of("pay"))

    assert pay().status_code == 202

    ApiToken.objects.update(**{column: clock.now()})

    for answer in (buy(event, client=shop), pay()):
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert Order.objects.count() == 1


def test_a_token_that_lost_its_scope_gets_no_stored_payment():
    event = make_event()
    shop = as_organizer(event)
    order = buy(event, client=shop).json()
    path, card = f"/orders/{order['id']}/payment", {"method": "card", "token": "tok_approved"}
    assert shop.post(path, card, headers=key_of("pay")).status_code == 202

    ApiToken.objects.update(scopes=["orders:read"])

    refused = shop.post(path, card, headers=key_of("pay"))
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


def test_a_token_without_the_scope_to_sell_reserves_once_as_a_buyer():
    event = make_event()
    reader = as_bearer(make_api_token(organizer=event.organizer, scopes=["orders:read"]))

    first, again = buy(event, client=reader), buy(event, client=reader)

    assert (first.status_code, again.json()) == (201, first.json())
    assert not ShopRecord.objects.exists()


def test_a_buyers_payment_is_replayed_to_the_orders_own_token():
    order = buy(make_event()).json()
    buyer, card = as_bearer(order["access_token"]), {"method": "card", "token": "tok_approved"}

    first, again = (
        buyer.post(f"/orders/{order['id']}/payment", card, headers=key_of("pay")) for _ in range(2)
    )

    assert (first.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
