"""The steps after a settlement: run by the same worker, or sent as messages."""

import logging
from typing import Any

import pytest
from django.core import mail

from tests.crash import AFTER, BEFORE, crash
from tests.make import make_paid_order, make_processing_order
from tests.queue import RecordingQueue
from ticketing.queue import next_steps
from ticketing.queue.messages import Message
from ticketing.queue.next_steps import follow, run_with_next_steps
from tickets.models import Delivery

pytestmark = pytest.mark.django_db(transaction=True)


def sent_messages(queue: RecordingQueue) -> list[Message]:
    return [message for message, _ in queue.sent]


def break_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any) -> None:
        raise ConnectionError("SES does not answer")

    monkeypatch.setattr("tickets.outgoing.send_mail", fail)


def test_the_worker_that_settles_an_order_also_mails_its_tickets(queue: RecordingQueue):
    order = make_processing_order()

    queue.run_next()

    assert queue.sent == []
    assert Delivery.objects.get(order=order).sent_at is not None
    assert len(mail.outbox) == 1


def test_after_a_failed_mail_its_message_is_sent_and_the_order_stays_paid(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = make_processing_order()
    break_mail(monkeypatch)

    queue.run_next()

    order.refresh_from_db()
    assert order.status == "paid"
    assert sent_messages(queue) == [Message.DELIVER_TICKETS]


def test_after_a_failed_mail_the_next_settlements_do_not_try_to_send_mail(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    make_processing_order()
    queue.sent, first = [], queue.sent[-1]
    make_processing_order()
    second = queue.sent.pop()
    break_mail(monkeypatch)
    queue.run(*first)
    monkeypatch.undo()
    monkeypatch.setattr("ticketing.queue.messages._send", queue.send)

    queue.run(*second)

    assert sent_messages(queue) == [Message.DELIVER_TICKETS] * 2
    assert mail.outbox == []


def test_if_a_worker_dies_before_a_step_the_repeated_settlement_message_does_it(
    queue: RecordingQueue,
):
    order = make_processing_order()
    settlement = queue.sent[-1]
    with crash(BEFORE, "tickets.issue:_store"):
        queue.run(*settlement)
    queue.sent.clear()

    queue.run(*settlement)

    assert Delivery.objects.get(order=order).sent_at is not None
    assert len(mail.outbox) == 1


def test_if_a_worker_dies_before_the_mail_the_repeated_settlement_message_sends_it(
    queue: RecordingQueue,
):
    order = make_processing_order()
    settlement = queue.sent[-1]
    with crash(AFTER, "tickets.issue:_ask_for_mail"):
        queue.run(*settlement)
    queue.sent.clear()

    queue.run(*settlement)

    assert Delivery.objects.get(order=order).sent_at is not None


def test_after_codes_are_issued_by_their_own_message_the_mail_is_sent_as_a_message(
    queue: RecordingQueue,
):
    order = make_paid_order()
    Delivery.objects.filter(order=order).update(codes_stored_at=None, sent_at=None)
    queue.sent.clear()

    queue.run(Message.ISSUE_CODES, {"order_id": str(order.pk)})

    assert sent_messages(queue) == [Message.DELIVER_TICKETS]


class Runner:
    """Runs a task with the steps of a test, and records which messages were sent."""

    def __init__(self, **known: Any) -> None:
        self.known = known
        self.sent: list[str] = []

    def run(self, first: Any) -> None:
        run_with_next_steps(first, known=self.known, send=lambda name, _ids: self.sent.append(name))


def test_a_task_that_fails_sends_the_messages_of_its_steps():
    runner = Runner(issue=lambda: None)

    def settle() -> None:
        follow("issue", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        runner.run(settle)

    assert runner.sent == ["issue"]
    assert not follow("issue", {})


def test_a_task_that_took_long_sends_the_messages_of_its_steps(monkeypatch: pytest.MonkeyPatch):
    runner = Runner(issue=lambda: None)
    monkeypatch.setattr(next_steps, "_TASK_SECONDS", 0)

    runner.run(lambda: follow("issue", {}))

    assert runner.sent == ["issue"]


def test_after_a_slow_step_its_message_is_sent_for_a_while(monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    runner = Runner(mail=lambda: done.append("mail"))
    monkeypatch.setattr(next_steps, "_STEP_SECONDS", 0)

    runner.run(lambda: follow("mail", {}))
    runner.run(lambda: follow("mail", {}))

    assert done == ["mail"]
    assert runner.sent == ["mail"]


def test_a_step_that_fails_is_logged(caplog: pytest.LogCaptureFixture):
    def fail() -> None:
        raise RuntimeError("no storage")

    with caplog.at_level(logging.WARNING):
        Runner(issue=fail).run(lambda: follow("issue", {}))

    assert "issue failed; its message will retry it." in caplog.text


def test_outside_of_a_settlement_no_step_is_accepted():
    assert not follow("issue", {})
