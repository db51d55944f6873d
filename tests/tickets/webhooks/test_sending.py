"""Sending webhooks: which messages, to which endpoints, in which order, and with which retries."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from drf_spectacular.generators import SchemaGenerator
from jsonschema_rs import Draft202012Validator
from standardwebhooks import Webhook, WebhookVerificationError

from events.models import Event, Organizer
from events.organizing import cancel_event, change_event
from events.publishing import publish_event
from orders.cancellation import cancel_order
from orders.expiry import expire_reservations
from orders.models import Order
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_organizer,
    make_device,
    make_event,
    make_paid_order,
    make_processing_order,
    make_promo_code,
    make_reservation,
    make_reserved_order,
    make_ticket,
)
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from tickets.models import Ticket
from tickets.operations.backlog import measure_webhook_lag
from tickets.refund import refund_order, refund_tickets
from tickets.replacement import replace_ticket
from tickets.settlement import settle_order
from tickets.webhooks import outbound
from tickets.webhooks.models import Topic, WebhookAttempt, WebhookEndpoint, WebhookMessage
from tickets.webhooks.outbound import AddressRefused, check_address, post_json
from tickets.webhooks.sending import (
    SCHEDULE,
    TEST,
    send_again,
    send_test,
    send_webhooks,
    switch_on,
)
from tickets.webhooks.signing import renew_secret, secrets_of
from tickets.webhooks.turns import find_due_webhooks

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class Receiver:
    """A webhook receiver. It verifies requests with the library of Standard Webhooks only."""

    url: str
    secret: str = ""
    answer: int = 204
    messages: list[dict[str, Any]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    repeats: int = 0
    forged: int = 0
    arrived: list[str] = field(default_factory=list)

    def take(self, headers: dict[str, str], body: bytes) -> int:
        self.arrived.append(headers["webhook-id"])
        try:
            message = Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            return 400
        if self.answer >= 300:
            return self.answer
        if headers["webhook-id"] in self.seen:
            self.repeats += 1
        else:
            self.seen.add(headers["webhook-id"])
            self.messages.append(message)
        return self.answer

    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = shop.take({k.lower(): v for k, v in self.headers.items()}, body)
            self.send_response(status)
            if status in (301, 302):
                self.send_header("Location", shop.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop = Receiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield shop
    server.shutdown()
    thread.join()
    server.server_close()
    for message in shop.messages:
        assert_is_as_documented(message)


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return found


def assert_is_as_documented(message: dict[str, Any]) -> None:
    described = document()["webhooks"][message["type"]]["post"]
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    checked = {**schema, "components": document()["components"]}
    Draft202012Validator(checked, validate_formats=True).validate(message)
    name = schema["$ref"].rpartition("/")[2].replace("Message", "Told").replace("Webhook", "Test")
    assert message["data"].keys() == document()["components"]["schemas"][name]["properties"].keys()


def test_the_document_describes_every_type_of_message():
    assert document()["webhooks"].keys() == {*Topic.values, TEST}


@pytest.mark.parametrize("topic", [*Topic.values, TEST])
def test_the_example_of_each_message_is_valid(topic: str):
    body = document()["webhooks"][topic]["post"]["requestBody"]["content"]["application/json"]

    (example,) = body["examples"].values()
    assert_is_as_documented(example["value"])


def listen(receiver: Receiver, organizer: Organizer, *types: str) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.create(
        organizer=organizer, url=receiver.url, types=list(types)
    )
    receiver.secret = secrets_of(endpoint, now=clock.now())[0]
    return endpoint


def deliver(queue: RecordingQueue) -> None:
    find_due_webhooks(now=clock.now())
    for message, body in [each for each in queue.sent if "endpoint_id" in each[1]]:
        queue.sent.remove((message, body))
        queue.run(message, body)


def advance(time: timedelta) -> None:
    WebhookMessage.objects.filter(next_attempt_at__isnull=False).update(
        next_attempt_at=F("next_attempt_at") - time
    )


def test_the_changes_of_an_order_are_sent_in_their_order(receiver: Receiver, queue: RecordingQueue):
    event = make_event()
    listen(receiver, event.organizer)
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=1)
    ticket = Ticket.objects.get()
    as_bearer(make_device(event)).post("/tickets/validate", {"code": ticket.code})
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    deliver(queue)

    types = receiver.types()
    assert [each for each in types if each not in {"ticket.revoked", "order.refunded"}] == [
        "order.reserved",
        "order.paid",
        "ticket.issued",
        "ticket.admitted",
    ]
    assert set(types[4:]) == {"ticket.revoked", "order.refunded"}
    data = receiver.messages[1]["data"]
    assert (data["id"], data["status"], data["total"]) == (str(order.pk), "paid", "45.00")
    assert data["event"]["slug"] == event.slug
    assert "ana@example.com" not in json.dumps(receiver.messages)
    assert receiver.forged == 0


def test_messages_of_an_order_have_its_promo_code_and_its_discount(
    receiver: Receiver, queue: RecordingQueue
):
    event = make_event()
    make_promo_code(event=event, code="AMIGOS")
    listen(receiver, event.organizer, "order.reserved", "order.cancelled")
    kind = event.ticket_types.get()
    reserved = make_reservation(ticket_type=kind, quantity=2, promo_code="amigos")
    cancel_order(actor=SOMEBODY, order_id=reserved.order_id, now=clock.now())
    make_reservation(ticket_type=kind)

    deliver(queue)

    told = [
        (message["type"], data["promo_code"], data["discount"], data["total"])
        for message in receiver.messages
        if (data := message["data"])
    ]
    assert sorted(told, key=str) == [
        ("order.cancelled", "AMIGOS", "9.00", "81.00"),
        ("order.reserved", "AMIGOS", "9.00", "81.00"),
        ("order.reserved", None, "0.00", "45.00"),
    ]


def test_times_in_a_message_have_the_format_of_the_api(receiver: Receiver, queue: RecordingQueue):
    event = make_event()
    listen(receiver, event.organizer, "order.paid", "ticket.admitted")
    with connection.cursor() as cursor:
        # The time zone of the session must make no difference.
        cursor.execute("SET TIME ZONE 'America/Sao_Paulo'")
        order = make_paid_order(ticket_type=event.ticket_types.get())
        as_bearer(make_device(event)).post("/tickets/validate", {"code": Ticket.objects.get().code})
        cursor.execute("SET TIME ZONE 'UTC'")

    deliver(queue)

    shown = as_organizer(event).get(f"/orders/{order.pk}").json()
    paid, admitted = (message["data"] for message in receiver.messages)
    for name in ("created_at", "paid_at", "reserved_until"):
        assert paid[name] == shown[name]
        assert shown[name].endswith("Z")
    assert paid["closed_at"] is None
    assert admitted["used_at"].endswith("Z")
    assert all(message["timestamp"].endswith("Z") for message in receiver.messages)


def test_the_message_of_each_refund_has_the_total_of_all_refunds(
    receiver: Receiver, queue: RecordingQueue
):
    event = make_event()
    listen(receiver, event.organizer, "order.refunded")
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    first, *_ = Ticket.objects.of_order(order.pk)

    refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[first.pk], now=clock.now())
    refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[first.pk], now=clock.now())
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())
    deliver(queue)

    assert [
        (message["type"], message["data"]["status"], message["data"]["refunded"])
        for message in receiver.messages
    ] == [("order.refunded", "paid", "45.00"), ("order.refunded", "refunded", "135.00")]


def test_each_way_in_which_an_unpaid_order_ends_has_a_message(
    receiver: Receiver, queue: RecordingQueue
):
    event = make_event()
    kind = event.ticket_types.get()
    listen(receiver, event.organizer, "order.payment_failed", "order.expired", "order.cancelled")

    declined = make_processing_order(ticket_type=kind, token="tok_declined")
    settle_order(order_id=declined.pk, now=clock.now())
    cancel_order(actor=SOMEBODY, order_id=make_reserved_order(ticket_type=kind).pk, now=clock.now())
    late = make_reserved_order(ticket_type=kind)
    Order.objects.filter(pk=late.pk).update(reserved_until=clock.now() - timedelta(seconds=1))
    expire_reservations(now=clock.now())
    expire_reservations(now=clock.now())
    deliver(queue)

    assert sorted(receiver.types()) == ["order.cancelled", "order.expired", "order.payment_failed"]


def test_the_changes_of_an_event_are_sent_once_for_each_transaction(
    receiver: Receiver, queue: RecordingQueue
):
    event = make_event(status="draft", capacity=1)
    listen(
        receiver,
        event.organizer,
        *("event.published", "event.updated", "event.cancelled", "event.sold_out"),
    )

    publish_event(actor=SOMEBODY, event_id=event.pk, now=clock.now())
    change_event(
        actor=SOMEBODY,
        event_id=event.pk,
        fields={"name": "Outro nome", "venue": "Outra casa"},
        ticket_types=[{"name": "Pista", "price": 50}],
        drop_others=False,
        now=clock.now(),
    )
    make_paid_order(ticket_type=event.ticket_types.get())
    cancel_event(actor=SOMEBODY, event_id=event.pk, now=clock.now())
    deliver(queue)

    assert receiver.types() == [
        "event.published",
        "event.updated",
        "event.sold_out",
        "event.cancelled",
    ]


def test_a_replaced_ticket_has_messages_for_the_revoked_and_the_new_ticket(
    receiver: Receiver, queue: RecordingQueue
):
    ticket = make_ticket()
    listen(receiver, ticket.event.organizer)

    new = replace_ticket(actor=SOMEBODY, ticket_id=ticket.pk, now=clock.now())
    deliver(queue)

    assert receiver.types() == ["ticket.revoked", "ticket.issued"]
    assert receiver.messages[0]["data"]["replaced_by"] == str(new.pk)


def test_no_message_is_sent_after_a_rollback_or_to_another_organizer(
    receiver: Receiver, queue: RecordingQueue
):
    listen(receiver, make_event().organizer)
    order = make_reserved_order()
    event = make_event(organizer=Organizer.objects.get(webhooks__isnull=False))

    def fail() -> None:
        with transaction.atomic():
            Event.objects.filter(pk=event.pk).update(name="Outro nome")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    deliver(queue)

    assert order.status == "reserved"
    assert receiver.types() == ["event.published"]


def test_after_an_outage_of_ten_minutes_each_message_arrives_once(
    receiver: Receiver, queue: RecordingQueue
):
    event = make_event()
    kind = event.ticket_types.get()
    listen(receiver, event.organizer)
    receiver.answer = 503
    orders = [make_paid_order(ticket_type=kind) for _ in range(3)]
    for minute in range(11):
        deliver(queue)
        if minute == 5:
            orders.append(make_paid_order(ticket_type=kind))
        advance(timedelta(minutes=1))
    assert receiver.messages == []

    receiver.answer = 204
    for _ in range(40):
        deliver(queue)
        advance(timedelta(minutes=1))

    for order in orders:
        of_order = [
            message["type"]
            for message in receiver.messages
            if str(order.pk) in {message["data"]["id"], message["data"].get("order", {}).get("id")}
        ]
        assert of_order == ["order.reserved", "order.paid", "ticket.issued"]
    assert (receiver.repeats, receiver.forged) == (0, 0)
    assert len(receiver.arrived) > len(set(receiver.arrived))
    assert not WebhookMessage.objects.filter(delivered_at=None).exists()


def test_the_webhook_lag_counts_messages_that_are_due_and_not_those_that_wait_for_a_retry(
    receiver: Receiver, queue: RecordingQueue
):
    endpoint = listen(receiver, make_event().organizer)
    before = clock.now()
    send_test(endpoint=endpoint, actor=SOMEBODY, now=before)
    behind = send_test(endpoint=endpoint, actor=SOMEBODY, now=before)

    assert measure_webhook_lag(now=before + timedelta(minutes=3)) == 180
    receiver.answer = 503
    deliver(queue)
    assert measure_webhook_lag(now=clock.now()) == 0
    assert WebhookMessage.objects.get(pk=behind.pk).attempts == 0
    assert measure_webhook_lag(now=clock.now() + timedelta(minutes=1)) > 0
    WebhookEndpoint.objects.update(disabled_at=before)
    assert measure_webhook_lag(now=clock.now() + timedelta(minutes=1)) == 0


def test_a_message_that_is_sent_again_has_the_same_id(receiver: Receiver, queue: RecordingQueue):
    endpoint = listen(receiver, make_event().organizer)
    message = send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    deliver(queue)
    send_again(actor=SOMEBODY, message_id=message.pk, now=clock.now())
    deliver(queue)

    assert (receiver.types(), receiver.repeats) == (["webhook.test"], 1)


def test_a_message_is_given_up_after_the_last_attempt_and_the_next_one_is_sent(
    receiver: Receiver, queue: RecordingQueue
):
    endpoint = listen(receiver, make_event().organizer)
    receiver.answer = 500
    first = send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    second = send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    for _ in SCHEDULE:
        deliver(queue)
        advance(timedelta(days=2))

    first.refresh_from_db()
    assert (first.attempts, first.next_attempt_at, first.delivered_at) == (10, None, None)
    assert set(receiver.arrived[:10]) == {f"msg_{first.pk.hex}"}
    receiver.answer = 204
    advance(timedelta(days=2))
    deliver(queue)
    assert receiver.seen == {f"msg_{second.pk.hex}"}


def test_the_waits_between_attempts_are_those_of_standard_webhooks(
    receiver: Receiver, queue: RecordingQueue
):
    message = send_test(
        endpoint=listen(receiver, make_event().organizer), actor=SOMEBODY, now=clock.now()
    )
    receiver.answer = 500
    waits = []
    for _ in range(9):
        before = clock.now()
        deliver(queue)
        message.refresh_from_db()
        assert message.next_attempt_at is not None
        waits.append((message.next_attempt_at - before).total_seconds())
        advance(timedelta(days=2))

    for wait, planned in zip(waits, SCHEDULE[1:], strict=True):
        assert 0.9 * planned <= wait <= 1.1 * planned + 2


def test_a_response_410_switches_off_and_switching_on_sends_the_waiting_messages(
    receiver: Receiver, queue: RecordingQueue
):
    event = make_event()
    endpoint = listen(receiver, event.organizer)
    receiver.answer = 410
    order = make_reserved_order(ticket_type=event.ticket_types.get())
    deliver(queue)
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None

    cancel_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())
    receiver.answer = 204
    deliver(queue)
    assert receiver.types() == []
    switch_on(actor=SOMEBODY, endpoint_id=endpoint.pk, now=clock.now())
    deliver(queue)

    assert receiver.types() == ["order.reserved"]


def test_the_old_secret_signs_too_for_a_day(receiver: Receiver, queue: RecordingQueue):
    endpoint = listen(receiver, make_event().organizer)
    old = receiver.secret
    new = renew_secret(endpoint_id=endpoint.pk, version=1, actor=SOMEBODY, now=clock.now())
    for secret in (old, new):
        receiver.secret = secret
        send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
        deliver(queue)
    assert (len(receiver.messages), receiver.forged) == (2, 0)

    WebhookEndpoint.objects.update(rotated_at=clock.now() - timedelta(days=2))
    receiver.secret = old
    send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    deliver(queue)

    assert (len(receiver.messages), receiver.forged) == (2, 1)


def test_a_renewed_secret_is_derived_from_the_newest_key_and_the_old_one_signs_too(
    receiver: Receiver, queue: RecordingQueue, settings: Any
):
    endpoint = listen(receiver, make_event().organizer)
    old = receiver.secret
    keys = settings.WEBHOOK_SIGNING_KEYS
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone", **keys}
    # A new first key changes no secret by itself.
    assert secrets_of(endpoint, now=clock.now()) == [old]

    new = renew_secret(endpoint_id=endpoint.pk, version=1, actor=SOMEBODY, now=clock.now())
    for secret in (old, new):
        receiver.secret = secret
        send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
        deliver(queue)
    assert (len(receiver.messages), receiver.forged) == (2, 0)

    # Without the key of the old secret, only the new secret signs.
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone"}
    endpoint.refresh_from_db()
    assert secrets_of(endpoint, now=clock.now()) == [new]


def test_the_secret_of_a_new_webhook_is_derived_from_the_newest_key(settings: Any):
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone", 0: "the shared one"}
    endpoint = WebhookEndpoint.objects.create(
        organizer=make_event().organizer, url="https://x.test"
    )
    (secret,) = secrets_of(endpoint, now=clock.now())

    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone"}
    assert secrets_of(endpoint, now=clock.now()) == [secret]


def test_without_its_key_nothing_is_sent_to_a_webhook_and_the_attempt_says_why(
    receiver: Receiver, queue: RecordingQueue, settings: Any
):
    endpoint = listen(receiver, make_event().organizer)
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone"}
    message = send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    deliver(queue)

    assert receiver.arrived == []
    assert "Renew the secret" in WebhookAttempt.objects.get().error

    receiver.secret = renew_secret(
        endpoint_id=endpoint.pk, version=1, actor=SOMEBODY, now=clock.now()
    )
    WebhookEndpoint.objects.update(leased_until=None, rests_until=None)
    send_again(message_id=message.pk, actor=SOMEBODY, now=clock.now())
    deliver(queue)
    assert (receiver.types(), receiver.forged) == (["webhook.test"], 0)


def test_an_upgrade_does_not_change_the_secret_of_a_webhook(settings: Any):
    """The previous release derived these secrets from this key."""
    settings.WEBHOOK_SIGNING_KEYS = {0: "a-signing-secret-for-tests-only-32-bytes"}
    endpoint = WebhookEndpoint(
        pk=UUID("01890000-0000-7000-8000-00000000000a"),
        secret_version=2,
        secret_key_id=0,
        rotated_at=clock.now(),
    )

    assert secrets_of(endpoint, now=clock.now()) == [
        "whsec_BkXaJcFVlR0asslimLRgKUwvi9lgH4LbJu1tajHyUDI=",
        "whsec_aMdbiB9krHW8uuKC1EAbxs3NxCmR1g/POLkJm32esrw=",
    ]


def test_a_webhook_that_the_previous_release_inserts_has_the_key_of_that_release(settings: Any):
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone", 0: "the shared one"}
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events_webhookendpoint"
            " (id, organizer_id, url, types, secret_version, created_at)"
            " VALUES (gen_random_uuid(), %s, 'https://x.test', '{}', 1, now())",
            [make_event().organizer_id],
        )

    assert WebhookEndpoint.objects.get().secret_key_id == 0


def test_a_redirect_is_not_followed(receiver: Receiver, queue: RecordingQueue):
    send_test(endpoint=listen(receiver, make_event().organizer), actor=SOMEBODY, now=clock.now())
    receiver.answer = 302

    deliver(queue)

    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, attempt.error) == (302, "Redirects are not followed.")
    assert len(receiver.arrived) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[::10.0.0.1]/",
        "https://[::ffff:0:10.0.0.1]/",
        "https://[fec0::1]/",
        "https://[5f00::1]/",
        "https://192.0.0.192/",
        "https://192.88.99.1/",
        "https://168.63.129.16/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://user:word@example.com/",
        "https:///nowhere",
    ],
)
def test_an_address_that_is_not_public_https_is_refused(url: str):
    with pytest.raises(AddressRefused):
        check_address(url)


@pytest.mark.parametrize("private", ["10.0.0.1", "127.0.0.1", "::1", "169.254.169.254"])
def test_no_request_is_sent_to_a_host_name_with_a_private_address(
    monkeypatch: pytest.MonkeyPatch, private: str
):
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.216.34", port)), (0, 0, 0, "", (private, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)

    response = post_json("https://shop.example.com/hook", b"{}", {})

    assert response.status is None
    assert response.error == "This is not a public address."


def test_a_look_up_of_a_host_name_has_a_time_limit(monkeypatch: pytest.MonkeyPatch):
    end = threading.Event()
    monkeypatch.setattr(outbound, "_LOOK_UP_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: end.wait(5))

    response = post_json("https://shop.example.com/hook", b"{}", {})
    end.set()

    assert response.error.startswith("TimeoutError")
    assert response.milliseconds < 2500


def test_a_response_that_is_not_http_counts_as_a_failure_and_is_shown(
    queue: RecordingQueue, settings: Any
):
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        # Without a request, the test fails and does not hang.
        server.settimeout(5)

        def respond() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65536)
                client.sendall(b"\0garbage\r\n\r\n")

        thread = threading.Thread(target=respond)
        thread.start()
        message = send_test(
            endpoint=WebhookEndpoint.objects.create(
                organizer=make_event().organizer,
                url=f"http://127.0.0.1:{server.getsockname()[1]}/",
            ),
            actor=SOMEBODY,
            now=clock.now(),
        )
        deliver(queue)
        thread.join()

    message.refresh_from_db()
    assert message.attempts == 1
    assert "garbage" in WebhookAttempt.objects.get().error


def test_an_endpoint_that_does_not_answer_is_paused_for_a_minute(
    receiver: Receiver, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    """Without the pause, it would keep a webhook worker from serving other endpoints."""
    monkeypatch.setattr(outbound, "_ALL_SECONDS", 0.05)
    end = threading.Event()
    monkeypatch.setattr(receiver, "take", lambda *_: end.wait(5) and 200)
    endpoint = listen(receiver, make_event().organizer)
    for _ in range(20):
        make_reserved_order(ticket_type=make_event(organizer=endpoint.organizer).ticket_types.get())

    deliver(queue)
    end.set()

    assert WebhookAttempt.objects.count() == 8
    assert find_due_webhooks(now=clock.now()) == 0
    assert find_due_webhooks(now=clock.now() + timedelta(seconds=61)) == 1


def test_a_lost_message_to_the_webhook_worker_is_sent_again_after_half_a_minute(
    receiver: Receiver,
):
    send_test(endpoint=listen(receiver, make_event().organizer), actor=SOMEBODY, now=clock.now())
    now = clock.now()

    assert find_due_webhooks(now=now) == 1
    assert find_due_webhooks(now=now + timedelta(seconds=29)) == 0
    assert find_due_webhooks(now=now + timedelta(seconds=31)) == 1


def test_an_endpoint_that_is_served_is_not_queued_again_while_a_task_may_run(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    endpoint = listen(receiver, make_event().organizer)
    send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    now = clock.now()
    queued: list[int] = []

    def find_due_during_the_turn(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
        queued.extend(
            find_due_webhooks(now=now + timedelta(seconds=wait))
            for wait in (0, settings.CELERY_TASK_TIME_LIMIT, 61)
        )
        return secrets_of(endpoint, now=now)

    monkeypatch.setattr("tickets.webhooks.sending.secrets_of", find_due_during_the_turn)
    send_webhooks(endpoint_id=endpoint.pk, now=now)

    assert queued == [0, 0, 1]


def test_an_endpoint_without_a_due_message_is_not_queued(receiver: Receiver, queue: RecordingQueue):
    """The first message waits for its next attempt, and the second waits for the first."""
    endpoint = listen(receiver, make_event().organizer)
    receiver.answer = 500
    send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    deliver(queue)

    assert find_due_webhooks(now=clock.now()) == 0


def test_an_endpoint_is_found_while_a_transaction_inserts_a_message_for_it(receiver: Receiver):
    """The insert takes only a key-share lock on the endpoint's row."""
    endpoint = listen(receiver, make_event().organizer)
    send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
    found: list[int | Exception] = []
    with transaction.atomic():
        send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())
        found += race(lambda: find_due_webhooks(now=clock.now()))

    assert found == [1]


def test_a_request_to_a_slow_server_has_a_time_limit(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbound, "_ALL_SECONDS", 0.2)
    end = threading.Event()
    monkeypatch.setattr(receiver, "take", lambda *_: end.wait(3) and 200)

    response = post_json(receiver.url, b"{}", {"webhook-id": "x"})
    end.set()

    assert response.status is None
    assert response.milliseconds < 2500


def test_a_repeated_message_to_the_webhook_worker_sends_nothing_twice(
    receiver: Receiver, queue: RecordingQueue
):
    endpoint = listen(receiver, make_event().organizer)
    send_test(endpoint=endpoint, actor=SOMEBODY, now=clock.now())

    assert find_due_webhooks(now=clock.now()) == 1
    assert find_due_webhooks(now=clock.now()) == 0
    queue.run_all()
    send_webhooks(endpoint_id=endpoint.pk, now=clock.now())

    assert len(receiver.arrived) == 1
