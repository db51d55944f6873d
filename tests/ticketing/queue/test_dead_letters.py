"""Dead letters are collected with the reason of their failure, and can be sent again."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from celery import Celery
from django.conf import settings
from django.db import DatabaseError
from django.test import Client
from moto import mock_aws

from orders.gateway import GatewayAway
from tests.make import SOMEBODY, make_processing_order, make_user
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.aws import aws_client
from ticketing.models import Act, FailedMessage
from ticketing.queue.dead_letters import (
    collect_dead_letters,
    dead_letter_url,
    forget_failures,
    note_failure,
    send_again,
)
from ticketing.queue.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN_ORDER = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def sqs() -> Iterator[Any]:
    """Create the queues of the settings with their dead-letter queues, in a mock of AWS."""
    aws_client.cache_clear()
    with mock_aws():
        client = boto3.client("sqs", region_name=settings.AWS_REGION)
        for url in settings.SQS_QUEUE_URLS.values():
            for name in (url.rsplit("/", 1)[-1], f"{url.rsplit('/', 1)[-1]}-dead"):
                client.create_queue(QueueName=name)
        yield client
    aws_client.cache_clear()


def make_body(order_id: str = UNKNOWN_ORDER) -> str:
    """Return the body of a message, written by Celery and kombu."""
    app = Celery(broker="memory://", set_as_current=False)
    with app.connection_for_write() as connection:
        app.send_task(
            Message.SETTLE_ORDER.value,
            kwargs={"order_id": order_id},
            queue="sale",
            connection=connection,
        )
        channel: Any = connection.default_channel
        written = channel._get("sale")
    return base64.b64encode(json.dumps(written).encode()).decode()


def send_dead_letter(sqs: Any, body: str, *, queue: str = "sale") -> None:
    sqs.send_message(QueueUrl=dead_letter_url(queue), MessageBody=body)


def test_the_reason_and_the_number_of_failures_are_recorded(queue: RecordingQueue):
    order = make_processing_order(token="tok_unstable")

    for _ in range(2):
        with pytest.raises(GatewayAway):
            queue.run(Message.SETTLE_ORDER, {"order_id": str(order.pk)})

    failed = FailedMessage.objects.get()
    assert (failed.message, failed.failures) == ("tickets.settle_order", 2)
    assert failed.about == f"order_id={order.pk}"
    assert failed.reason == "GatewayAway: Attempt 2 had no answer."


def test_the_original_error_is_raised_if_the_failure_cannot_be_recorded(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = make_processing_order(token="tok_unstable")

    def away(**_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr(FailedMessage.objects, "get_or_create", away)

    with pytest.raises(GatewayAway):
        queue.run(Message.SETTLE_ORDER, {"order_id": str(order.pk)})


def test_a_dead_letter_is_collected_once_with_its_reason(sqs: Any):
    note_failure(
        message="tickets.settle_order",
        about=f"order_id={UNKNOWN_ORDER}",
        error=ValueError("no such order"),
    )
    send_dead_letter(sqs, make_body())

    now = clock.now()
    assert [collect_dead_letters(now=now) for _ in range(2)] == [1, 0]

    failed = FailedMessage.objects.get()
    assert failed.reason == "ValueError: no such order"
    assert (failed.died_at, failed.queue) == (now, "sale")


@pytest.mark.parametrize("body", ["not base64 !", "eyJ4IjogMX0=", "{}", "\u0001"])
def test_an_unreadable_dead_letter_is_collected(sqs: Any, body: str):
    if body.isprintable():
        send_dead_letter(sqs, body)
        collect_dead_letters(now=clock.now())
        assert FailedMessage.objects.get().message == "?"


def test_a_dead_message_is_sent_again_unchanged_to_its_own_queue(sqs: Any):
    body = make_body()
    send_dead_letter(sqs, body, queue="delivery")
    collect_dead_letters(now=clock.now())

    assert send_again(actor=SOMEBODY, failed=FailedMessage.objects.get(), now=clock.now())

    found = sqs.receive_message(QueueUrl=settings.SQS_QUEUE_URLS["delivery"])["Messages"]
    assert [message["Body"] for message in found] == [body]
    failed = FailedMessage.objects.get()
    assert failed.sent_again_at is not None
    act = Act.objects.get()
    assert (act.type, act.actor_name) == ("message.sent_again", SOMEBODY.name)
    assert act.subject_id == failed.pk


def test_a_message_that_is_given_up_again_is_no_longer_shown_as_sent_again(sqs: Any):
    send_dead_letter(sqs, make_body())
    collect_dead_letters(now=clock.now())
    send_again(actor=SOMEBODY, failed=FailedMessage.objects.get(), now=clock.now())
    send_dead_letter(sqs, make_body())

    collect_dead_letters(now=clock.now())

    assert FailedMessage.objects.get().sent_again_at is None


def test_the_admin_action_sends_only_messages_that_were_given_up(sqs: Any, client: Client):
    send_dead_letter(sqs, make_body())
    collect_dead_letters(now=clock.now())
    note_failure(message="tickets.issue_codes", about="order_id=1", error=OSError("full"))
    client.force_login(make_user(is_staff=True, is_superuser=True))
    everything = [str(pk) for pk in FailedMessage.objects.values_list("pk", flat=True)]

    client.post(
        "/admin/ticketing/failedmessage/",
        {"action": "send_chosen_again", "_selected_action": everything},
    )

    sent = FailedMessage.objects.filter(sent_again_at__isnull=False)
    assert [failed.message for failed in sent] == ["tickets.settle_order"]


def test_staff_who_are_not_superusers_do_not_see_failed_messages(client: Client):
    client.force_login(make_user(is_staff=True))

    assert client.get("/admin/ticketing/failedmessage/").status_code == 403


def test_old_failures_are_deleted_unless_the_message_was_given_up(sqs: Any):
    note_failure(message="tickets.issue_codes", about="order_id=1", error=OSError("full"))
    send_dead_letter(sqs, make_body())
    collect_dead_letters(now=clock.now())

    forget_failures(now=clock.now() + timedelta(days=8))

    assert [failed.message for failed in FailedMessage.objects.all()] == ["tickets.settle_order"]


def encode_message(name: str, ids: Any) -> str:
    arguments = base64.b64encode(json.dumps([[], ids, {}]).encode()).decode()
    envelope = {"body": arguments, "headers": {"task": name}}
    return base64.b64encode(json.dumps(envelope).encode()).decode()


@pytest.mark.parametrize(
    "body",
    [
        base64.b64encode(b"[" * 50_000).decode(),
        encode_message("t", {"order_id": "\0"}),
        encode_message("t\0", {}),
        encode_message("t" * 101, {}),
        encode_message("t", {"order_id": "x" * 600}),
        encode_message("t", {"order_id": "\ud800"}),
        encode_message("t", 7),
        "A" * 200_000,
    ],
    ids=["deep", "nul", "nul in name", "long name", "long ids", "surrogate", "no ids", "huge"],
)
def test_a_dead_letter_that_we_did_not_send_is_shown_and_delays_no_other(sqs: Any, body: str):
    send_dead_letter(sqs, body)
    send_dead_letter(sqs, make_body())

    assert collect_dead_letters(now=clock.now()) == 2

    shown = FailedMessage.objects.order_by("message").values_list("message", flat=True)
    assert list(shown) == ["?", "tickets.settle_order"]
    assert FailedMessage.objects.get(message="?").body == body


@pytest.mark.parametrize("text", ["nul \0", "lone surrogate \ud83d", "long " * 200])
def test_a_failure_is_recorded_whatever_text_its_ids_and_its_error_contain(text: str):
    note_failure(message="tickets.issue_codes", about=f"order_id={text}", error=OSError(text))

    failed = FailedMessage.objects.get()
    assert failed.about.startswith("order_id=")
    assert failed.reason.startswith("OSError: ")
