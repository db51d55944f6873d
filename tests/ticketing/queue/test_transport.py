"""The transport with an SQS that fails: polling goes on, and no failure ends the worker."""

import base64
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Exchange, Message, Queue
from kombu.asynchronous import Hub, set_event_loop
from prometheus_client import CollectorRegistry

from tests import sqs as misbehavior
from tests.sqs import REGION, BrokenSqs, say, write_message
from ticketing.queue import receiving
from ticketing.queue.polls import read_polls
from ticketing.telemetry.metrics import register_counts

# Kombu's HTTP client uses deprecated options of curl.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:.* is deprecated; use:DeprecationWarning:kombu\..*"
)

TIMEOUT_SECONDS = 20
QUEUES = ("sale", "upkeep")


class Worker:
    """A consumer on an event loop, as a Celery worker uses the transport."""

    def __init__(self, sqs: BrokenSqs, **options: Any) -> None:
        self.hub: Any = Hub()
        set_event_loop(self.hub)
        self.connection = Connection(
            "sqs://",
            transport="ticketing.queue.transport:Transport",
            transport_options={
                "region": REGION,
                "wait_time_seconds": 1,
                "polling_interval": 0,
                "predefined_queues": {
                    name: {
                        "url": sqs.queue_url(name),
                        "backoff_policy": {1: 1, 2: 2},
                        "backoff_tasks": ["pay"],
                    }
                    for name in QUEUES
                },
                "client-config": {
                    "connect_timeout": 1,
                    "read_timeout": 1,
                    "retries": {"total_max_attempts": 1},
                },
                **options,
            },
        )
        self.taken: list[Message] = []
        self.connection.transport.register_with_event_loop(self.connection.connection, self.hub)
        self.consumer = self.connection.Consumer(
            [Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
            on_message=self.taken.append,
            accept=["json"],
            prefetch_count=8,
        )
        self.consumer.consume()

    def run_until(self, condition: Callable[[], bool], *, seconds: float = TIMEOUT_SECONDS) -> bool:
        """Run the event loop until a condition is true. Raise errors that would end a worker."""
        self.hub.propagate_errors = (Exception,)
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.hub.run_once()
        return True

    def stop(self) -> None:
        self.consumer.cancel()
        self.connection.close()
        self.hub.close()
        set_event_loop(None)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> BrokenSqs:
    broken = BrokenSqs()
    monkeypatch.setenv("AWS_ENDPOINT_URL", broken.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return broken


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def worker(sqs: BrokenSqs, resources: ExitStack) -> Worker:
    resources.enter_context(sqs.serving())
    started = Worker(sqs)
    resources.callback(started.stop)
    return started


def letter(queue: str = "sale") -> str:
    return write_message("pay", queue=queue)


def polls(sqs: BrokenSqs, queue: str) -> int:
    return sqs.calls["ReceiveMessage", queue]


@pytest.mark.parametrize(
    "misbehave",
    [
        say(503),
        say(503, b'{"__type":"ServiceUnavailable"}'),
        say(500, b"<html>"),
        say(400, b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}'),
        say(403, b'{"__type":"AccessDenied","message":"no"}'),
        say(302),
        say(200, b"not json"),
        say(200, b""),
        say(200, b"[]"),
        say(200, b'{"Messages": 7}'),
        say(200, b'{"Messages": [7]}'),
        say(200, b"\xff\xfe\x00"),
        misbehavior.reset,
        misbehavior.hang_up,
        misbehavior.break_off,
    ],
)
def test_after_failed_polls_each_queue_is_still_polled(
    sqs: BrokenSqs, worker: Worker, misbehave: Callable[[Any], None]
):
    sqs.misbehaviors["ReceiveMessage"].extend([misbehave] * 4)
    sqs.put("sale", letter())
    sqs.put("upkeep", letter(queue="upkeep"))

    assert worker.run_until(lambda: len(worker.taken) == 2)
    before = {queue: polls(sqs, queue) for queue in QUEUES}
    assert worker.run_until(lambda: all(polls(sqs, q) > before[q] + 2 for q in QUEUES))


def test_a_queue_is_polled_when_sqs_starts_after_the_worker(sqs: BrokenSqs, resources: ExitStack):
    worker = Worker(sqs)
    resources.callback(worker.stop)
    began = time.monotonic()
    worker.run_until(lambda: time.monotonic() > began + 2)

    resources.enter_context(sqs.serving())
    sqs.put("sale", letter())

    assert worker.run_until(lambda: bool(worker.taken))
    assert worker.run_until(lambda: all(polls(sqs, queue) > 2 for queue in QUEUES))


def test_a_poll_without_a_response_times_out(
    sqs: BrokenSqs, worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(receiving, "_ANSWER_SECONDS", 1)
    sqs.misbehaviors["ReceiveMessage"].extend([misbehavior.hang] * 2)
    sqs.put("sale", letter())

    assert worker.run_until(lambda: bool(worker.taken), seconds=10)


def test_a_queue_that_fails_does_not_slow_down_the_other_one(sqs: BrokenSqs, worker: Worker):
    def fail_for_upkeep(handler: misbehavior.Handler) -> None:
        if handler.queue == "upkeep":
            handler.answer(503, b"")
        else:
            misbehavior.obey(handler)

    sqs.always["ReceiveMessage"] = fail_for_upkeep

    assert worker.run_until(lambda: polls(sqs, "sale") >= 30)
    # The waits are half a second, one, two, and at most five seconds.
    assert 1 <= polls(sqs, "upkeep") <= 8


def test_only_a_few_polls_are_made_while_sqs_fails(sqs: BrokenSqs, worker: Worker):
    sqs.always["ReceiveMessage"] = say(503)
    began = time.monotonic()
    worker.run_until(lambda: time.monotonic() > began + 4)

    assert all(2 <= polls(sqs, queue) <= 7 for queue in QUEUES)


def test_an_sqs_without_long_polling_is_polled_ten_times_a_second_at_most(
    sqs: BrokenSqs, worker: Worker
):
    sqs.always["ReceiveMessage"] = say(200, b"{}")
    began = time.monotonic()
    # A busy machine may need longer than a second for the second poll.
    assert worker.run_until(
        lambda: time.monotonic() > began + 1 and all(polls(sqs, queue) >= 2 for queue in QUEUES)
    )
    took = time.monotonic() - began

    assert all(polls(sqs, queue) <= 10 * took + 2 for queue in QUEUES)


def test_a_queue_is_polled_again_after_a_poll_was_lost(
    sqs: BrokenSqs, worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    assert worker.run_until(lambda: polls(sqs, "sale") > 0)
    channel: Any = worker.connection.default_channel
    # As if the event loop had lost the response: its number is no longer that of the latest poll.
    for polling in channel._pollings.values():
        polling.number += 1
    sqs.always["ReceiveMessage"] = misbehavior.obey
    began = time.monotonic()
    worker.run_until(lambda: time.monotonic() > began + 1)
    before = polls(sqs, "sale")
    for polling in channel._pollings.values():
        polling.began -= 60

    channel._look_after_polls()

    assert worker.run_until(lambda: polls(sqs, "sale") > before + 3)


@pytest.mark.parametrize(
    "misbehave",
    [
        say(503),
        say(403, b'{"__type":"AccessDenied","message":"no"}'),
        say(400, b'{"__type":"com.amazonaws.sqs#ReceiptHandleIsInvalid","message":"no"}'),
        say(200, b"not json"),
        misbehavior.reset,
        misbehavior.hang,
    ],
)
@pytest.mark.parametrize("act", ["ack", "reject", "requeue"])
def test_a_message_that_sqs_fails_to_delete_or_delay_does_not_block_others(
    sqs: BrokenSqs, worker: Worker, misbehave: Callable[[Any], None], act: str
):
    sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 1)
    for operation in ("DeleteMessageBatch", "ChangeMessageVisibility", "GetQueueAttributes"):
        sqs.always[operation] = misbehave

    getattr(worker.taken[0], act)()

    for _ in range(8):
        sqs.put("sale", letter())
    # Eight is the most that a worker holds: the first message no longer occupies a place.
    assert worker.run_until(lambda: len(worker.taken) == 9)


def test_a_rejected_message_gets_the_delay_of_its_queues_policy(sqs: BrokenSqs, worker: Worker):
    sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 1)

    worker.taken[0].reject(requeue=True)

    delays = [
        request["VisibilityTimeout"]
        for operation, request in sqs.asked
        if operation == "ChangeMessageVisibility"
    ]
    assert delays == [1]
    assert worker.run_until(lambda: False, seconds=0.5) is False
    assert sqs.calls["DeleteMessageBatch", "sale"] == sqs.calls["SendMessage", "sale"] == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "\x00",
        base64.b64encode(b"{}").decode(),
        base64.b64encode(b'{"properties": 7}').decode(),
        base64.b64encode(b'{"properties": {"delivery_info": {}}, "body": 5}').decode(),
        base64.b64encode(
            b'{"body": "%%", "properties": {"body_encoding": "base64",'
            b' "delivery_info": {"routing_key": "sale"}}}'
        ).decode(),
    ],
)
def test_an_unreadable_message_does_not_keep_others_from_being_received(
    sqs: BrokenSqs, worker: Worker, body: str
):
    sqs.put("sale", body)
    sqs.put("sale", letter())

    assert worker.run_until(lambda: any("task" in (each.headers or {}) for each in worker.taken))
    for message in worker.taken:
        message.reject()
    before = polls(sqs, "sale")
    assert worker.run_until(lambda: polls(sqs, "sale") > before + 2)


def deleted(sqs: BrokenSqs) -> list[list[str]]:
    """Return the receipt handles that each call of DeleteMessageBatch deleted."""
    return [
        [entry["ReceiptHandle"] for entry in request["Entries"]]
        for operation, request in sqs.asked
        if operation == "DeleteMessageBatch"
    ]


def handles(messages: Sequence[Message]) -> list[str]:
    return [str(message.delivery_tag) for message in messages]


def test_messages_that_are_acknowledged_soon_after_each_other_are_deleted_in_one_call(
    sqs: BrokenSqs, worker: Worker
):
    for _ in range(8):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 8)

    for message in worker.taken[:3]:
        message.ack()
    assert deleted(sqs) == []
    assert worker.run_until(lambda: bool(deleted(sqs)))
    for message in worker.taken[3:5]:
        message.ack()
    assert worker.run_until(lambda: len(deleted(sqs)) == 2)

    assert deleted(sqs) == [handles(worker.taken[:3]), handles(worker.taken[3:5])]


def test_a_worker_that_stops_deletes_acknowledged_messages(sqs: BrokenSqs, worker: Worker):
    for _ in range(2):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 2)
    worker.taken[0].ack()

    worker.consumer.cancel()
    worker.connection.close()

    assert deleted(sqs) == [handles(worker.taken[:1])]


def test_a_worker_that_stops_deletes_acknowledged_messages_before_it_waits_for_its_tasks(
    sqs: BrokenSqs, worker: Worker
):
    sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 1)
    worker.taken[0].ack()

    worker.consumer.cancel()

    assert deleted(sqs) == [handles(worker.taken)]


def test_acknowledging_a_message_after_its_channel_was_closed_does_nothing(
    sqs: BrokenSqs, worker: Worker
):
    sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 1)
    worker.consumer.cancel()
    channel: Any = worker.taken[0].channel
    channel.close()

    channel.basic_ack(worker.taken[0].delivery_tag)

    # Closing the channel has returned the message to SQS.
    assert deleted(sqs) == []


def test_a_worker_with_room_for_one_message_polls_after_a_while(
    sqs: BrokenSqs, worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ticketing.queue.transport._LONGEST_PAUSE", 0.5)
    for _ in range(9):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 8)

    worker.taken[0].ack()

    assert worker.run_until(lambda: len(worker.taken) == 9)


def test_a_message_that_a_batch_call_failed_to_delete_is_logged(
    sqs: BrokenSqs, worker: Worker, caplog: pytest.LogCaptureFixture
):
    refused = b'{"Successful":[],"Failed":[{"Id":"0","SenderFault":true,"Code":"InternalError"}]}'
    sqs.always["DeleteMessageBatch"] = say(200, refused)
    sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 1)

    worker.taken[0].ack()

    assert worker.run_until(lambda: "InternalError" in caplog.text)


def test_a_worker_polls_when_it_has_room_for_more_than_half_of_its_messages(
    sqs: BrokenSqs, worker: Worker
):
    for _ in range(12):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 8)
    for message in worker.taken[:4]:
        message.ack()
    before = polls(sqs, "sale")
    assert worker.run_until(lambda: False, seconds=0.5) is False
    assert (polls(sqs, "sale"), len(worker.taken)) == (before, 8)

    worker.taken[4].ack()

    assert worker.run_until(lambda: len(worker.taken) == 12)


def test_a_worker_that_stops_returns_messages_that_were_not_begun_in_one_call(
    sqs: BrokenSqs, worker: Worker
):
    for _ in range(5):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 5)
    worker.taken[0].ack()

    worker.consumer.cancel()
    worker.connection.close()

    [batch] = [
        request for operation, request in sqs.asked if operation == "ChangeMessageVisibilityBatch"
    ]
    handles = [entry["ReceiptHandle"] for entry in batch["Entries"]]
    assert sorted(handles) == sorted(str(message.delivery_tag) for message in worker.taken[1:])
    assert {entry["VisibilityTimeout"] for entry in batch["Entries"]} == {0}


def test_a_worker_that_stops_while_sqs_hangs_waits_for_one_call_only(
    sqs: BrokenSqs, worker: Worker
):
    for _ in range(8):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 8)
    sqs.always["ChangeMessageVisibilityBatch"] = misbehavior.hang
    began = time.monotonic()

    worker.consumer.cancel()
    worker.connection.close()

    assert time.monotonic() - began < 3


def test_the_file_of_a_busy_worker_shows_that_it_does_not_poll(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    """Tasks end within their time limit, so a worker that stays busy for longer is unhealthy."""
    resources.enter_context(sqs.serving())
    worker = Worker(sqs, polls_folder=str(tmp_path))
    resources.callback(worker.stop)
    for _ in range(8):
        sqs.put("sale", letter())
    assert worker.run_until(lambda: len(worker.taken) == 8)
    began = time.time()
    worker.run_until(lambda: time.time() > began + 1)
    channel: Any = worker.connection.default_channel

    channel._look_after_polls()
    [written] = read_polls(tmp_path)
    assert all(at <= began + 0.2 for at in written.polled_at.values())

    for message in worker.taken[:5]:
        message.ack()
    assert worker.run_until(lambda: channel._pollings["sale"].at > began + 1)
    worker.stop()
    assert list(read_polls(tmp_path)) == []


def test_failed_polls_are_counted(sqs: BrokenSqs, worker: Worker):
    registry = CollectorRegistry()
    register_counts(registry)

    def count() -> float:
        labels = {"service": "sqs", "operation": "ReceiveMessage", "code": "HTTP 503"}
        return registry.get_sample_value("bilheteria_aws_errors_total", labels) or 0

    before = count()
    sqs.misbehaviors["ReceiveMessage"].extend([say(503)] * 3)

    assert worker.run_until(lambda: polls(sqs, "sale") > 3)
    assert count() - before == 3
