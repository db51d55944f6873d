"""One turn of a webhook worker: what it sends, how long, and what it writes down of it."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from events.models import Organizer
from tests.crash import crash
from tests.make import SOMEBODY, make_organizer
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.webhooks import sending
from tickets.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from tickets.webhooks.outbound import ReceiverResponse
from tickets.webhooks.sending import SCHEDULE, body_of, send_test, send_webhooks
from tickets.webhooks.signing import renew_secret, secrets_of

pytestmark = pytest.mark.django_db(transaction=True)

Respond = Callable[[Callable[[], ReceiverResponse]], list[bytes]]

TAKEN = ReceiverResponse(status=204, text="", error="", milliseconds=3)
FAILED = ReceiverResponse(status=500, text="Out of order", error="", milliseconds=3)
GONE = ReceiverResponse(status=410, text="", error="", milliseconds=3)
SILENT = ReceiverResponse(status=None, text="", error="It does not answer.", milliseconds=3)


def make_endpoint(organizer: Organizer | None = None) -> WebhookEndpoint:
    owner = organizer or make_organizer()
    return WebhookEndpoint.objects.create(organizer=owner, url="https://shop.test/")


@pytest.fixture
def respond_with(monkeypatch: pytest.MonkeyPatch) -> Respond:
    """Return a function that sets the receiver's responses and returns the list of sent bodies."""

    def set_responses(respond: Callable[[], ReceiverResponse]) -> list[bytes]:
        sent: list[bytes] = []

        def post(_url: str, body: bytes, _headers: Any) -> ReceiverResponse:
            sent.append(body)
            return respond()

        monkeypatch.setattr(sending, "post_json", post)
        return sent

    return set_responses


def test_the_body_is_compact_and_keeps_letters_beyond_ascii():
    message = WebhookMessage(type="test", created_at=NOON, data={"note": "Ação", "n": 1})

    assert body_of(message).decode() == (
        '{"type":"test","timestamp":"2026-03-29T12:00:00Z","data":{"note":"Ação","n":1}}'
    )


def test_an_endpoint_that_is_switched_off_during_its_turn_gets_nothing_more(respond_with: Respond):
    endpoint, _other = make_endpoint(), make_endpoint()
    for _ in range(2):
        send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)

    def switch_off() -> ReceiverResponse:
        WebhookEndpoint.objects.filter(pk=endpoint.pk).update(disabled_at=NOON)
        # A thread of the pool has a connection of its own.
        connection.close()
        return TAKEN

    sent = respond_with(switch_off)
    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    assert len(sent) == 1


def test_a_turn_ends_when_the_organizer_has_used_up_its_time(
    respond_with: Respond, monkeypatch: pytest.MonkeyPatch
):
    endpoint = make_endpoint()
    for _ in range(2):
        send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    sent = respond_with(lambda: TAKEN)
    monkeypatch.setattr(sending, "charge_organizer", lambda **_: False)

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    assert len(sent) == 1


def test_the_time_of_a_turn_is_charged_once(respond_with: Respond, monkeypatch: pytest.MonkeyPatch):
    endpoint = make_endpoint()
    for _ in range(4):
        send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    charged: list[timedelta] = []

    def charge(*, took: timedelta, **_: Any) -> bool:
        charged.append(took)
        return True

    def respond() -> ReceiverResponse:
        # The time that the receiver takes is what is measured.
        time.sleep(0.02)
        return TAKEN

    monkeypatch.setattr(sending, "charge_organizer", charge)
    respond_with(respond)
    began = time.monotonic()
    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    assert len(charged) == 4
    assert sum(charged, timedelta()) <= timedelta(seconds=time.monotonic() - began)


def test_an_endpoint_that_does_not_answer_rests(respond_with: Respond):
    endpoint = make_endpoint()
    send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    respond_with(lambda: SILENT)

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    endpoint.refresh_from_db()
    assert endpoint.rests_until is not None
    assert endpoint.rests_until > NOON + timedelta(seconds=60)


def test_a_turn_looks_for_more_work_of_its_own_organizer_only(
    respond_with: Respond, queue: RecordingQueue
):
    organizer = make_organizer()
    endpoint, sibling, other = make_endpoint(organizer), make_endpoint(organizer), make_endpoint()
    for each in (endpoint, sibling, other):
        send_test(endpoint=each, actor=SOMEBODY, now=NOON)
    respond_with(lambda: TAKEN)

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    named = [
        UUID(body["endpoint_id"]) for kind, body in queue.sent if kind == Message.SEND_WEBHOOKS
    ]
    assert named == [sibling.pk]


def test_what_the_receiver_said_is_on_record(respond_with: Respond):
    endpoint = make_endpoint()
    send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    respond_with(lambda: FAILED)

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    attempt = WebhookAttempt.objects.get()
    assert (attempt.status, attempt.answer) == (500, "Out of order")


def test_retries_come_a_tenth_sooner_or_later_than_planned(respond_with: Respond):
    endpoint = make_endpoint()
    for _ in range(24):
        message = send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
        WebhookMessage.objects.filter(pk=message.pk).update(subject=uuid4(), attempts=2)
    respond_with(lambda: FAILED)

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    tries = dict(WebhookAttempt.objects.values_list("message_id", "at"))
    planned = WebhookMessage.objects.values_list("pk", "next_attempt_at")
    waits = [(due - tries[pk]).total_seconds() / SCHEDULE[3] for pk, due in planned if due]
    assert len(waits) == 24
    assert 0.9 <= min(waits) < 1 < max(waits) <= 1.1


def test_the_record_of_a_receiver_that_is_gone_names_the_message(respond_with: Respond):
    endpoint = make_endpoint()
    message = send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    respond_with(lambda: ReceiverResponse(status=410, text="", error="", milliseconds=3))

    send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    assert Act.objects.get(type="webhook.switched_off").actor_id == str(message.pk)


@pytest.mark.parametrize(("hours", "secrets"), [(23, 2), (24, 1)])
def test_the_old_secret_signs_for_less_than_a_day(hours: int, secrets: int):
    endpoint = make_endpoint()
    renew_secret(endpoint_id=endpoint.pk, version=1, actor=SOMEBODY, now=NOON)
    endpoint.refresh_from_db()

    assert len(secrets_of(endpoint, now=NOON + timedelta(hours=hours))) == secrets


def test_a_crash_before_a_response_410_switches_off_leaves_the_message_as_it_was(
    respond_with: Respond,
):
    endpoint = make_endpoint()
    send_test(endpoint=endpoint, actor=SOMEBODY, now=NOON)
    before = WebhookMessage.objects.values().get()
    sent = respond_with(lambda: GONE)

    with crash("before", "tickets.webhooks.sending:switch_off"):
        send_webhooks(endpoint_id=endpoint.pk, now=NOON)

    assert len(sent) == 1
    assert WebhookMessage.objects.values().get() == before
    assert not WebhookAttempt.objects.exists()
