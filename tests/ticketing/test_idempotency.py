"""A client that never heard the answer asks again, and buys once."""

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from events.models import ApiToken, Event
from events.organizing import publish_event
from orders import views
from orders.models import Order, Payment
from tests.crash import AFTER, BEFORE, crash
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_api_token,
    make_event,
    make_reservation,
    make_ticket,
)
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.api import idempotency
from ticketing.models import KeptAnswer
from tickets.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOMER = {"name": "Ana", "email": "ana@example.com"}


def buy(event: Any, *, key: str = "a-key", quantity: int = 1, client: Any = None) -> Any:
    wish = {"event": event.slug, "quantity": quantity, "customer": CUSTOMER}
    client = client or APIClient(raise_request_exception=False)
    return client.post("/orders", wish, headers={"Idempotency-Key": key})


def test_the_same_request_gets_the_same_answer_and_buys_once():
    event = make_event(capacity=10)

    first, again = buy(event), buy(event)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert Order.objects.count() == 1


def test_the_token_that_is_told_again_opens_the_order_and_is_nowhere_stored():
    event = make_event()
    buy(event)

    told = buy(event).json()

    assert as_bearer(told["access_token"]).get(f"/orders/{told['id']}").status_code == 200
    kept = KeptAnswer.objects.get()
    assert told["access_token"] not in f"{kept.body} {kept.headers} {kept.digest} {kept.salt}"


@pytest.mark.parametrize("key", ['"a-key"', " a-key "])
def test_a_key_is_the_same_bare_and_quoted(key: str):
    event = make_event()

    assert buy(event, key=key).json()["id"] == buy(event).json()["id"]


def test_another_key_buys_again():
    event = make_event()

    assert buy(event).json()["id"] != buy(event, key="another").json()["id"]


def test_the_same_key_with_another_body_is_refused_and_changes_nothing():
    event = make_event()
    buy(event)

    answer = buy(event, quantity=2)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "schlüssel"])
def test_what_is_no_key_is_refused_and_changes_nothing(key: str):
    answer = buy(make_event(), key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["code"] == "invalid_idempotency_key"
    assert not Order.objects.exists()


def test_a_server_that_dies_after_the_order_was_written_sold_it_once():
    event = make_event(capacity=10)
    with crash(AFTER, "orders.reservation:write_reservation"):
        buy(event)
    assert Order.objects.count() == 1

    answer = buy(event)

    assert answer.status_code == 201
    assert answer.json()["id"] == str(Order.objects.get().pk)
    assert as_bearer(answer.json()["access_token"]).get(f"/orders/{answer.json()['id']}").data


@pytest.mark.parametrize("moment", [BEFORE, AFTER])
def test_a_server_that_dies_while_it_writes_has_written_nothing(moment: str):
    event = make_event(capacity=10)
    with crash(moment, "ticketing.models:KeptAnswer.objects.create"):
        buy(event)
    assert not Order.objects.exists()

    assert buy(event).status_code == 201
    assert (Order.objects.count(), KeptAnswer.objects.count()) == (1, 1)


def test_twenty_at_once_with_one_key_buy_once():
    event = make_event(capacity=100)

    answers: list[Any] = race(*[lambda: buy(event)] * 20)

    # An order has a code too: the one that is read out to people.
    told = {answer.json()["code"] for answer in answers}
    assert told <= {Order.objects.get().code, "idempotency_key_in_use"}
    assert {answer.status_code for answer in answers} <= {201, 409}


def test_who_asks_while_the_first_call_runs_is_told_when_to_come_back():
    event = make_event()
    wish = {"event": event.slug, "quantity": 1, "customer": CUSTOMER}
    second: list[Any] = []
    act = views.Orders._reserve

    def ask_meanwhile(view: Any, request: Any, keeper: Any) -> Any:
        def ask() -> None:
            second.append(buy(event))
            connection.close()

        if not second:
            race(ask)
        return act(view, request, keeper)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views.Orders, "_reserve", ask_meanwhile)
        first = APIClient().post("/orders", wish, headers={"Idempotency-Key": "a-key"})

    assert first.status_code == 201
    assert (second[0].status_code, second[0].json()["code"]) == (409, "idempotency_key_in_use")
    assert second[0].headers["Retry-After"] == "1"


def test_a_refusal_that_will_not_change_is_kept_and_one_that_may_is_not():
    event = make_event(capacity=1)
    other = buy(event, key="other")
    assert buy(event).json()["code"] == "sold_out"

    as_bearer(other.json()["access_token"]).post(f"/orders/{other.json()['id']}/cancel")
    assert buy(event).status_code == 201

    wish = {"event": event.slug, "quantity": 1, "customer": {"name": "Ana", "email": "nowhere"}}
    client = APIClient(headers={"Idempotency-Key": "lost"})
    first, again = client.post("/orders", wish), client.post("/orders", wish)
    assert (first.status_code, again.status_code) == (400, 400)
    assert again.json() == first.json()
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_draft_that_was_not_found_can_be_bought_with_the_same_key_once_it_is_published():
    event = make_event(status="draft", capacity=10)
    assert buy(event).status_code == 404

    publish_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())

    answer = buy(event)
    assert (answer.status_code, answer.headers.get("Idempotent-Replayed")) == (201, None)


def test_a_call_that_was_forbidden_can_be_repeated_with_the_same_key_once_it_is_allowed():
    ticket = make_ticket()
    organizer, path = ticket.event.organizer, f"/tickets/{ticket.pk}/reissue"
    client = as_bearer(make_api_token(organizer=organizer, scopes=["orders:read"]))
    assert client.post(path, headers=key_of("one")).status_code == 403

    ApiToken.objects.update(scopes=["tickets:write", "orders:write"])

    assert client.post(path, headers=key_of("one")).status_code == 201
    assert {kept.status for kept in KeptAnswer.objects.all()} == {201}


def test_a_404_that_the_previous_release_stored_is_not_replayed():
    event = make_event(capacity=10)
    wish = {"event": event.slug, "quantity": 1, "customer": {"name": "Ana", "email": "nowhere"}}
    client = APIClient(headers=key_of("one"))
    assert client.post("/orders", wish).status_code == 400
    KeptAnswer.objects.update(status=404)

    assert "Idempotent-Replayed" not in client.post("/orders", wish).headers


def test_paying_twice_with_one_key_pays_once_and_says_the_same(queue: RecordingQueue):
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


def test_a_key_is_its_callers_own():
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


def test_a_key_without_a_token_is_its_addresss_own():
    """Whoever guesses the key and the body from elsewhere gets no token, and blocks nobody."""
    event = make_event(capacity=10)
    mine, other = (APIClient(REMOTE_ADDR=f"203.0.113.{host}") for host in (7, 8))
    other.post("/orders", {}, headers=key_of("a-key"))

    first, guessed = buy(event, client=mine), buy(event, client=other)

    assert (first.status_code, guessed.json()["code"]) == (201, "idempotency_key_reused")
    assert buy(event, key="new", client=other).json()["id"] != first.json()["id"]
    assert buy(event, client=mine).json() == first.json()


def test_a_response_that_the_previous_release_stored_for_anybody_is_told_to_nobody():
    """Its scope was the key alone: whoever guesses the key would get the token."""
    event = make_event(capacity=10)
    first = buy(event)
    KeptAnswer.objects.update(digest=sha256(b"anybody\0POST\0/orders\0a-key").hexdigest())

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
    # And once more, by processes that are not rolled out yet.
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


def test_without_a_fallback_a_shop_is_told_that_the_token_is_lost(settings: Any):
    event = make_event(capacity=10)
    shop = as_bearer(make_api_token(organizer=event.organizer, scopes=["orders:write"]))
    first = buy(event, client=shop)
    settings.SECRET_KEY = "a-new-secret"

    again = buy(event, client=shop)

    assert (again.status_code, again.json()["code"]) == (409, "access_token_lost")
    assert "access_token" not in again.json()
    assert as_bearer(first.json()["access_token"]).get(f"/orders/{first.json()['id']}").data
    assert Order.objects.count() == 1


def test_without_a_fallback_a_retry_without_a_token_reserves_again(settings: Any):
    """Its address has another digest, so its stored response is not found."""
    event = make_event(capacity=10)
    first = buy(event)
    settings.SECRET_KEY = "a-new-secret"

    assert buy(event).json()["id"] != first.json()["id"]


def test_a_replay_never_returns_a_token_that_is_not_the_orders_own():
    event = make_event(capacity=10)
    buy(event)
    Order.objects.update(access_token_digest="0" * 64)

    assert buy(event).json()["code"] == "access_token_lost"


def test_a_key_is_forgotten_after_a_day(monkeypatch: pytest.MonkeyPatch):
    event = make_event()
    buy(event)
    tomorrow = clock.now() + timedelta(hours=24, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: tomorrow)

    assert buy(event).headers.get("Idempotent-Replayed") is None
    assert Order.objects.count() == 2

    KeptAnswer.objects.update(created_at=tomorrow - timedelta(hours=25))
    idempotency.forget_kept_answers()
    assert not KeptAnswer.objects.exists()


def test_without_a_key_nothing_is_kept():
    event = make_event()
    wish = {"event": event.slug, "quantity": 1, "customer": CUSTOMER}

    assert (
        APIClient().post("/orders", wish).json()["id"]
        != (APIClient().post("/orders", wish).json()["id"])
    )
    assert not KeptAnswer.objects.exists()


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


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "/orders/{order}/resend", {}, 202),
        ("post", "/tickets/{ticket}/reissue", {}, 201),
        ("patch", "/tickets/{ticket}", {"holder_name": "Bia Lima"}, 200),
    ],
)
def test_what_an_organizer_does_with_a_sale_is_done_once_with_one_key(
    queue: RecordingQueue, method: str, path: str, body: dict[str, str], status: int
):
    ticket = make_ticket()
    client = as_organizer(ticket.event)
    path = path.format(order=ticket.order_id, ticket=ticket.pk)
    queue.sent.clear()

    first, again = (getattr(client, method)(path, body, headers=key_of("one")) for _ in range(2))

    assert (first.status_code, again.status_code) == (status, status)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(queue.sent) == 1
    assert KeptAnswer.objects.count() == 1


def test_a_revoked_token_is_not_told_again_what_it_was_told():
    ticket = make_ticket()
    client, path = as_organizer(ticket.event), f"/tickets/{ticket.pk}/reissue"
    assert client.post(path, headers=key_of("one")).status_code == 201

    ApiToken.objects.update(revoked_at=clock.now())

    assert client.post(path, headers=key_of("one")).json()["code"] == "invalid_token"


@pytest.mark.parametrize("path", ["/events", "/orders/{order}/resend", "/tickets/{ticket}/reissue"])
def test_a_server_that_dies_while_it_writes_has_done_nothing_for_an_organizer(
    queue: RecordingQueue, path: str
):
    ticket = make_ticket()
    client = as_organizer(ticket.event)
    path = path.format(order=ticket.order_id, ticket=ticket.pk)
    start = ticket.event.starts_at.isoformat()
    event = {
        "name": "Show",
        "venue": "Teatro",
        "city": "Recife",
        "starts_at": start,
        "ends_at": ticket.event.ends_at.isoformat(),
        "capacity": 5,
        "price": "1.00",
    }
    body = event if path == "/events" else {}
    queue.sent.clear()
    before = (Event.objects.count(), Ticket.objects.count())

    with crash(AFTER, "ticketing.models:KeptAnswer.objects.create"):
        client.post(path, body, headers=key_of("one"))

    assert (Event.objects.count(), Ticket.objects.count(), queue.sent) == (*before, [])
    assert client.post(path, body, headers=key_of("one")).status_code in (201, 202)
