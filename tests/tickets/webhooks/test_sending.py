"""Webhooks: what is told, to whom, in which order, and how often it is tried."""

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
from events.organizing import cancel_event, change_event, publish_event
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
    """A shop's own server, written with the convention's own library and nothing else."""

    url: str
    secret: str = ""
    answer: int = 204
    told: list[dict[str, Any]] = field(default_factory=list)
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
            self.told.append(message)
        return self.answer

    def types(self) -> list[str]:
        return [message["type"] for message in self.told]


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
    for message in shop.told:
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


def test_the_document_names_all_that_is_told():
    assert document()["webhooks"].keys() == {*Topic.values, TEST}


@pytest.mark.parametrize("topic", [*Topic.values, TEST])
def test_the_example_of_a_message_is_one(topic: str):
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


def let_pass(time: timedelta) -> None:
    WebhookMessage.objects.filter(next_attempt_at__isnull=False).update(
        next_attempt_at=F("next_attempt_at") - time
    )


def test_an_orders_life_is_told_in_its_order(receiver: Receiver, queue: RecordingQueue):
    event = make_event()
    listen(receiver, event.organizer)
    order = make_paid_order(ticket_type=event.ticket_types.get(), quantity=1)
    ticket = Ticket.objects.get()
    as_bearer(make_device(event)).post("/tickets/validate", {"code": ticket.code})
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    deliver(queue)

    told = receiver.types()
    assert [each for each in told if each not in {"ticket.revoked", "order.refunded"}] == [
        "order.reserved",
        "order.paid",
        "ticket.issued",
        "ticket.admitted",
    ]
    assert set(told[4:]) == {"ticket.revoked", "order.refunded"}
    data = receiver.told[1]["data"]
    assert (data["id"], data["status"], data["total"]) == (str(order.pk), "paid", "45.00")
    assert data["event"]["slug"] == event.slug
    assert "ana@example.com" not in json.dumps(receiver.told)
    assert receiver.forged == 0


def test_a_webhook_spells_moments_as_the_api_does(receiver: Receiver, queue: RecordingQueue):
    event = make_event()
    listen(receiver, event.organizer, "order.paid", "ticket.admitted")
    with connection.cursor() as cursor:
        # Whatever zone the session writes times in.
        cursor.execute("SET TIME ZONE 'America/Sao_Paulo'")
        order = make_paid_order(ticket_type=event.ticket_types.get())
        as_bearer(make_device(event)).post("/tickets/validate", {"code": Ticket.objects.get().code})
        cursor.execute("SET TIME ZONE 'UTC'")

    deliver(queue)

    shown = as_organizer(event).get(f"/orders/{order.pk}").json()
    paid, admitted = (message["data"] for message in receiver.told)
    for name in ("created_at", "paid_at", "reserved_until"):
        assert paid[name] == shown[name]
        assert shown[name].endswith("Z")
    assert paid["closed_at"] is None
    assert admitted["used_at"].endswith("Z")
    assert all(message["timestamp"].endswith("Z") for message in receiver.told)


def test_each_refund_is_told_with_what_is_refunded_in_all(
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
        for message in receiver.told
    ] == [("order.refunded", "paid", "45.00"), ("order.refunded", "refunded", "135.00")]


def test_every_way_in_which_an_order_ends_is_told(receiver: Receiver, queue: RecordingQueue):
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


def test_an_events_life_is_told_and_a_change_once(receiver: Receiver, queue: RecordingQueue):
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


def test_a_replaced_ticket_is_told_as_revoked_and_issued(receiver: Receiver, queue: RecordingQueue):
    ticket = make_ticket()
    listen(receiver, ticket.event.organizer)

    new = replace_ticket(actor=SOMEBODY, ticket_id=ticket.pk, now=clock.now())
    deliver(queue)

    assert receiver.types() == ["ticket.revoked", "ticket.issued"]
    assert receiver.told[0]["data"]["replaced_by"] == str(new.pk)


def test_nothing_is_told_of_what_was_rolled_back_nor_to_others(
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


def test_an_outage_of_ten_minutes_loses_nothing_and_nothing_comes_twice_to_the_shop(
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
        let_pass(timedelta(minutes=1))
    assert receiver.told == []

    receiver.answer = 204
    for _ in range(40):
        deliver(queue)
        let_pass(timedelta(minutes=1))

    for order in orders:
        of_order = [
            message["type"]
            for message in receiver.told
            if str(order.pk) in {message["data"]["id"], message["data"].get("order", {}).get("id")}
        ]
        assert of_order == ["order.reserved", "order.paid", "ticket.issued"]
    assert (receiver.repeats, receiver.forged) == (0, 0)
    assert len(receiver.arrived) > len(set(receiver.arrived))
    assert not WebhookMessage.objects.filter(delivered_at=None).exists()


def test_a_message_is_late_when_it_could_be_sent_and_not_while_it_waits_its_time(
    receiver: Receiver, queue: RecordingQueue
):
    endpoint = listen(receiver, make_event().organizer)
    before = clock.now()
    send_test(endpoint=endpoint, now=before)
    behind = send_test(endpoint=endpoint, now=before)

    assert measure_webhook_lag(now=before + timedelta(minutes=3)) == 180
    receiver.answer = 503
    deliver(queue)
    assert measure_webhook_lag(now=clock.now()) == 0
    assert WebhookMessage.objects.get(pk=behind.pk).attempts == 0
    assert measure_webhook_lag(now=clock.now() + timedelta(minutes=1)) > 0
    WebhookEndpoint.objects.update(disabled_at=before)
    assert measure_webhook_lag(now=clock.now() + timedelta(minutes=1)) == 0


def test_an_answer_that_was_lost_brings_the_same_id_again(
    receiver: Receiver, queue: RecordingQueue
):
    endpoint = listen(receiver, make_event().organizer)
    message = send_test(endpoint=endpoint, now=clock.now())
    deliver(queue)
    send_again(actor=SOMEBODY, message_id=message.pk, now=clock.now())
    deliver(queue)

    assert (receiver.types(), receiver.repeats) == (["webhook.test"], 1)


def test_it_is_given_up_after_the_last_attempt_and_the_next_one_goes(
    receiver: Receiver, queue: RecordingQueue
):
    endpoint = listen(receiver, make_event().organizer)
    receiver.answer = 500
    first = send_test(endpoint=endpoint, now=clock.now())
    second = send_test(endpoint=endpoint, now=clock.now())
    for _ in SCHEDULE:
        deliver(queue)
        let_pass(timedelta(days=2))

    first.refresh_from_db()
    assert (first.attempts, first.next_attempt_at, first.delivered_at) == (10, None, None)
    assert set(receiver.arrived[:10]) == {f"msg_{first.pk.hex}"}
    receiver.answer = 204
    let_pass(timedelta(days=2))
    deliver(queue)
    assert receiver.seen == {f"msg_{second.pk.hex}"}


def test_the_waits_are_those_of_the_convention(receiver: Receiver, queue: RecordingQueue):
    message = send_test(endpoint=listen(receiver, make_event().organizer), now=clock.now())
    receiver.answer = 500
    waits = []
    for _ in range(9):
        before = clock.now()
        deliver(queue)
        message.refresh_from_db()
        assert message.next_attempt_at is not None
        waits.append((message.next_attempt_at - before).total_seconds())
        let_pass(timedelta(days=2))

    for wait, planned in zip(waits, SCHEDULE[1:], strict=True):
        assert 0.9 * planned <= wait <= 1.1 * planned + 2


def test_gone_switches_off_and_on_again_sends_what_waited(
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


def test_for_a_day_two_secrets_sign(receiver: Receiver, queue: RecordingQueue):
    endpoint = listen(receiver, make_event().organizer)
    old = receiver.secret
    new = renew_secret(endpoint_id=endpoint.pk, version=1, actor=SOMEBODY, now=clock.now())
    for secret in (old, new):
        receiver.secret = secret
        send_test(endpoint=endpoint, now=clock.now())
        deliver(queue)
    assert (len(receiver.told), receiver.forged) == (2, 0)

    WebhookEndpoint.objects.update(rotated_at=clock.now() - timedelta(days=2))
    receiver.secret = old
    send_test(endpoint=endpoint, now=clock.now())
    deliver(queue)

    assert (len(receiver.told), receiver.forged) == (2, 1)


def test_a_renewed_secret_is_of_the_newest_key_and_the_old_one_signs_beside_it(
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
        send_test(endpoint=endpoint, now=clock.now())
        deliver(queue)
    assert (len(receiver.told), receiver.forged) == (2, 0)

    # The key of the old secret is dropped: only the new one signs.
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone"}
    endpoint.refresh_from_db()
    assert secrets_of(endpoint, now=clock.now()) == [new]


def test_a_new_webhook_has_a_secret_of_the_newest_key(settings: Any):
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone", 0: "the shared one"}
    endpoint = WebhookEndpoint.objects.create(
        organizer=make_event().organizer, url="https://x.test"
    )
    (secret,) = secrets_of(endpoint, now=clock.now())

    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone"}
    assert secrets_of(endpoint, now=clock.now()) == [secret]


def test_a_webhook_whose_key_was_dropped_gets_nothing_unsigned_and_its_owner_reads_why(
    receiver: Receiver, queue: RecordingQueue, settings: Any
):
    endpoint = listen(receiver, make_event().organizer)
    settings.WEBHOOK_SIGNING_KEYS = {1: "a key of webhooks alone"}
    message = send_test(endpoint=endpoint, now=clock.now())
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


def test_secrets_of_the_previous_release_are_derived_as_it_did(settings: Any):
    """Written down by that release, with this secret: an upgrade changes no receiver's secret."""
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


def test_a_webhook_that_the_previous_release_writes_has_the_key_of_that_release(settings: Any):
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
    send_test(endpoint=listen(receiver, make_event().organizer), now=clock.now())
    receiver.answer = 302

    deliver(queue)

    tried = WebhookAttempt.objects.get()
    assert (tried.status, tried.error) == (302, "Redirects are not followed.")
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
def test_an_address_of_our_own_network_is_refused(url: str):
    with pytest.raises(AddressRefused):
        check_address(url)


@pytest.mark.parametrize("found", ["10.0.0.1", "127.0.0.1", "::1", "169.254.169.254"])
def test_a_name_that_leads_into_our_own_network_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, found: str
):
    def look_up(host: str, port: int, **_: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.216.34", port)), (0, 0, 0, "", (found, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    answer = post_json("https://shop.example.com/hook", b"{}", {})

    assert answer.status is None
    assert answer.error == "This is not a public address."


def test_a_look_up_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    held = threading.Event()
    monkeypatch.setattr(outbound, "_LOOK_UP_SECONDS", 0.1)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: held.wait(5))

    answer = post_json("https://shop.example.com/hook", b"{}", {})
    held.set()

    assert answer.error.startswith("TimeoutError")
    assert answer.milliseconds < 2500


def test_an_answer_that_is_no_http_counts_as_a_failure_and_is_shown(
    queue: RecordingQueue, settings: Any
):
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            wire, _ = server.accept()
            with wire:
                wire.recv(65536)
                wire.sendall(b"\0garbage\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        message = send_test(
            endpoint=WebhookEndpoint.objects.create(
                organizer=make_event().organizer,
                url=f"http://127.0.0.1:{server.getsockname()[1]}/",
            ),
            now=clock.now(),
        )
        deliver(queue)
        thread.join()

    message.refresh_from_db()
    assert message.attempts == 1
    assert "garbage" in WebhookAttempt.objects.get().error


def test_an_endpoint_that_answers_nothing_is_left_alone_for_a_minute(
    receiver: Receiver, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    """What it is due would else keep a courier from everybody else's."""
    monkeypatch.setattr(outbound, "_ALL_SECONDS", 0.05)
    held = threading.Event()
    monkeypatch.setattr(receiver, "take", lambda *_: held.wait(5) and 200)
    endpoint = listen(receiver, make_event().organizer)
    for _ in range(20):
        make_reserved_order(ticket_type=make_event(organizer=endpoint.organizer).ticket_types.get())

    deliver(queue)
    held.set()

    assert WebhookAttempt.objects.count() == 8
    assert find_due_webhooks(now=clock.now()) == 0
    assert find_due_webhooks(now=clock.now() + timedelta(seconds=61)) == 1


def test_a_message_to_a_courier_that_is_lost_is_sent_again_after_half_a_minute(receiver: Receiver):
    send_test(endpoint=listen(receiver, make_event().organizer), now=clock.now())
    now = clock.now()

    assert find_due_webhooks(now=now) == 1
    assert find_due_webhooks(now=now + timedelta(seconds=29)) == 0
    assert find_due_webhooks(now=now + timedelta(seconds=31)) == 1


def test_a_courier_at_work_is_asked_for_nothing_more_as_long_as_a_task_may_run(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    endpoint = listen(receiver, make_event().organizer)
    send_test(endpoint=endpoint, now=clock.now())
    now = clock.now()
    asked: list[int] = []

    def look_while_it_sends(endpoint: WebhookEndpoint, *, now: datetime) -> list[str]:
        asked.extend(
            find_due_webhooks(now=now + timedelta(seconds=wait))
            for wait in (0, settings.CELERY_TASK_TIME_LIMIT, 61)
        )
        return secrets_of(endpoint, now=now)

    monkeypatch.setattr("tickets.webhooks.sending.secrets_of", look_while_it_sends)
    send_webhooks(endpoint_id=endpoint.pk, now=now)

    assert asked == [0, 0, 1]


def test_an_endpoint_whose_messages_all_wait_is_not_asked_for(
    receiver: Receiver, queue: RecordingQueue
):
    """One waits for its next attempt, and one behind it."""
    endpoint = listen(receiver, make_event().organizer)
    receiver.answer = 500
    send_test(endpoint=endpoint, now=clock.now())
    send_test(endpoint=endpoint, now=clock.now())
    deliver(queue)

    assert find_due_webhooks(now=clock.now()) == 0


def test_a_sale_that_is_being_written_hides_no_endpoint(receiver: Receiver):
    """The database locks the key of whom it tells something, and no more."""
    endpoint = listen(receiver, make_event().organizer)
    send_test(endpoint=endpoint, now=clock.now())
    found: list[int | Exception] = []
    with transaction.atomic():
        send_test(endpoint=endpoint, now=clock.now())
        found += race(lambda: find_due_webhooks(now=clock.now()))

    assert found == [1]


def test_a_server_that_drips_is_hung_up_on(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outbound, "_ALL_SECONDS", 0.2)
    held = threading.Event()
    monkeypatch.setattr(receiver, "take", lambda *_: held.wait(3) and 200)

    answer = post_json(receiver.url, b"{}", {"webhook-id": "x"})
    held.set()

    assert answer.status is None
    assert answer.milliseconds < 2500


def test_two_workers_asked_at_once_send_it_once(receiver: Receiver, queue: RecordingQueue):
    endpoint = listen(receiver, make_event().organizer)
    send_test(endpoint=endpoint, now=clock.now())

    assert find_due_webhooks(now=clock.now()) == 1
    assert find_due_webhooks(now=clock.now()) == 0
    queue.run_all()
    send_webhooks(endpoint_id=endpoint.pk, now=clock.now())

    assert len(receiver.arrived) == 1
