"""Messages that were lost are sent again, by the rows that still ask."""

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


def test_a_payment_whose_message_was_lost_is_asked_for_again_and_ever_more_slowly(
    queue: RecordingQueue,
):
    order = make_processing_order()
    queue.sent.clear()
    now = clock.now()

    asked = [
        retry_waiting_work(now=now),
        retry_waiting_work(now=now + LATER),
        retry_waiting_work(now=now + LATER),
    ]

    assert asked == [0, 1, 0]
    assert queue.sent == [(Message.SETTLE_ORDER, {"order_id": str(order.pk)})]
    assert retry_waiting_work(now=now + LATER + timedelta(minutes=4)) == 1


def test_codes_and_mail_whose_messages_were_lost_are_asked_for_again(queue: RecordingQueue):
    unissued = make_processing_order()
    settle_order(order_id=unissued.pk, now=clock.now())
    unsent = make_paid_order()
    queue.sent.clear()

    retry_waiting_work(now=clock.now() + LATER)

    assert sorted(queue.sent) == [
        (Message.DELIVER_TICKETS, {"order_id": str(unsent.pk)}),
        (Message.ISSUE_CODES, {"order_id": str(unissued.pk)}),
    ]


def test_nothing_is_asked_for_that_is_done(queue: RecordingQueue):
    make_paid_order()
    queue.run_all()

    assert Delivery.objects.get().sent_at is not None
    assert retry_waiting_work(now=clock.now() + timedelta(days=1)) == 0


def test_a_settlement_that_died_before_its_message_is_carried_on_by_the_repeat(
    queue: RecordingQueue,
):
    order = make_processing_order()
    settle_order(order_id=order.pk, now=clock.now())
    queue.sent.clear()

    settle_order(order_id=order.pk, now=clock.now())

    assert queue.sent == [(Message.ISSUE_CODES, {"order_id": str(order.pk)})]
