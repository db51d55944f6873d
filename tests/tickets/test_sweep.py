"""The sweep sends lost messages again, from the rows that still wait."""

from datetime import timedelta

import pytest

from tests.make import make_paid_order, make_processing_order
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from tickets.models import Delivery
from tickets.settlement import settle_order
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(minutes=3)


def test_the_lost_message_of_a_payment_is_sent_again_at_growing_intervals(
    queue: RecordingQueue,
):
    order = make_processing_order()
    queue.sent.clear()
    now = clock.now()

    sent = [
        retry_waiting_work(now=now),
        retry_waiting_work(now=now + LATER),
        retry_waiting_work(now=now + LATER),
    ]

    assert sent == [0, 1, 0]
    assert queue.sent == [(Message.SETTLE_ORDER, {"order_id": str(order.pk)})]
    assert retry_waiting_work(now=now + LATER + timedelta(minutes=4)) == 1


def test_the_lost_messages_for_codes_and_mail_are_sent_again(queue: RecordingQueue):
    unissued = make_processing_order()
    settle_order(order_id=unissued.pk, now=clock.now())
    unsent = make_paid_order()
    queue.sent.clear()

    retry_waiting_work(now=clock.now() + LATER)

    assert sorted(queue.sent) == [
        (Message.DELIVER_TICKETS, {"order_id": str(unsent.pk)}),
        (Message.ISSUE_CODES, {"order_id": str(unissued.pk)}),
    ]


def test_no_message_is_sent_for_an_order_that_is_done(queue: RecordingQueue):
    make_paid_order()
    queue.run_all()

    assert Delivery.objects.get().sent_at is not None
    assert retry_waiting_work(now=clock.now() + timedelta(days=1)) == 0


def test_a_repeated_settlement_sends_the_next_message_if_it_was_lost(
    queue: RecordingQueue,
):
    order = make_processing_order()
    settle_order(order_id=order.pk, now=clock.now())
    queue.sent.clear()

    settle_order(order_id=order.pk, now=clock.now())

    assert queue.sent == [(Message.ISSUE_CODES, {"order_id": str(order.pk)})]
