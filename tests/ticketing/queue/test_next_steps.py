"""What follows a settlement: done at once, or left to its message."""

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


def sends_of(queue: RecordingQueue) -> list[Message]:
    return [message for message, _ in queue.sent]


def break_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_told: Any) -> None:
        raise ConnectionError("SES is away")

    monkeypatch.setattr("tickets.delivery.send_mail", fail)


def test_the_worker_that_settles_an_order_also_mails_its_tickets(queue: RecordingQueue):
    order = make_processing_order()

    queue.run_next()

    assert queue.sent == []
    assert Delivery.objects.get(order=order).sent_at is not None
    assert len(mail.outbox) == 1


def test_a_mail_that_fails_is_left_to_its_message_and_the_sale_stands(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = make_processing_order()
    break_mail(monkeypatch)

    queue.run_next()

    order.refresh_from_db()
    assert order.status == "paid"
    assert sends_of(queue) == [Message.DELIVER_TICKETS]


def test_while_mail_fails_no_further_sale_waits_for_it(
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

    assert sends_of(queue) == [Message.DELIVER_TICKETS] * 2
    assert mail.outbox == []


def test_a_worker_that_dies_before_a_next_step_leaves_it_to_the_settlements_message(
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


def test_a_worker_that_dies_before_the_mail_leaves_it_to_the_settlements_message(
    queue: RecordingQueue,
):
    order = make_processing_order()
    settlement = queue.sent[-1]
    with crash(AFTER, "tickets.issue:_ask_for_mail"):
        queue.run(*settlement)
    queue.sent.clear()

    queue.run(*settlement)

    assert Delivery.objects.get(order=order).sent_at is not None


def test_codes_that_are_issued_again_leave_the_mail_to_the_mailer(queue: RecordingQueue):
    order = make_paid_order()
    Delivery.objects.filter(order=order).update(codes_stored_at=None, sent_at=None)
    queue.sent.clear()

    queue.run(Message.ISSUE_CODES, {"order_id": str(order.pk)})

    assert sends_of(queue) == [Message.DELIVER_TICKETS]


class Line:
    """Steps that a test makes, and the messages that were sent for them."""

    def __init__(self, **known: Any) -> None:
        self.known = known
        self.sent: list[str] = []

    def run(self, first: Any) -> None:
        run_with_next_steps(first, known=self.known, send=lambda name, _ids: self.sent.append(name))


def test_a_task_that_fails_sends_what_it_asked_for():
    line = Line(issue=lambda: None)

    def settle() -> None:
        follow("issue", {})
        raise RuntimeError

    with pytest.raises(RuntimeError):
        line.run(settle)

    assert line.sent == ["issue"]
    assert not follow("issue", {})


def test_a_task_that_took_long_leaves_the_rest_to_messages(monkeypatch: pytest.MonkeyPatch):
    line = Line(issue=lambda: None)
    monkeypatch.setattr(next_steps, "_TASK_SECONDS", 0)

    line.run(lambda: follow("issue", {}))

    assert line.sent == ["issue"]


def test_a_step_that_was_slow_rests(monkeypatch: pytest.MonkeyPatch):
    done: list[str] = []
    line = Line(mail=lambda: done.append("mail"))
    monkeypatch.setattr(next_steps, "_STEP_SECONDS", 0)

    line.run(lambda: follow("mail", {}))
    line.run(lambda: follow("mail", {}))

    assert done == ["mail"]
    assert line.sent == ["mail"]


def test_a_step_that_fails_is_logged_and_counted(caplog: pytest.LogCaptureFixture):
    def fail() -> None:
        raise RuntimeError("no storage")

    with caplog.at_level(logging.WARNING):
        Line(issue=fail).run(lambda: follow("issue", {}))

    assert "issue failed; its message will try again." in caplog.text


def test_outside_of_a_settlement_nothing_follows():
    assert not follow("issue", {})
