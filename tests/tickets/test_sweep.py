"""The sweep sends lost messages again, from the rows that still wait."""

from datetime import timedelta
from typing import Any

import pytest

from events.models import ChangeForBuyers, Event, Membership
from orders.models import Order
from tests.make import make_event, make_paid_order, make_processing_order, make_transfer, make_user
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.ids import new_id
from ticketing.queue.messages import Message
from tickets import sweep
from tickets.models import Delivery, OrderListMail, RefundRequest, Transfer, TransferMail
from tickets.notices.member_models import MemberNotice
from tickets.notices.models import Notice
from tickets.notices.reminder_models import Reminder
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


def ask_for_all_mails(order: Order, **state: Any) -> list[tuple[Message, dict[str, str]]]:
    """Store a row of each kind that asks for a mail in this state. Return their messages."""
    columns = {"asked_at": NOON, "ask_again_at": NOON} | state
    Delivery.objects.filter(order=order).update(**columns)
    transfer = make_transfer(ticket=order.tickets.get(), email="bia@example.com", accepted=False)
    TransferMail.objects.filter(transfer=transfer).update(**columns)
    membership = Membership.objects.get(user=make_user(organizer=order.event.organizer))
    rows: list[tuple[Message, str, Any]] = [
        (Message.SEND_NOTICE, "notice_id", Notice(order=order, kind="refund", cause=new_id())),
        (
            Message.SEND_MEMBER_NOTICE,
            "notice_id",
            MemberNotice(membership=membership, kind="daily", cause="1"),
        ),
        (Message.SEND_REMINDER, "order_id", Reminder(order=order)),
        (
            Message.SEND_REFUND_REQUEST,
            "refund_request_id",
            RefundRequest(order=order, ticket_ids=[], requested_at=NOON),
        ),
        (Message.SEND_ORDER_LIST, "list_id", OrderListMail(email="a@a.example", expires_at=NOON)),
    ]
    for _message, _name, row in rows:
        for name, value in columns.items():
            setattr(row, name, value)
        row.save()
    mail = TransferMail.objects.get(transfer=transfer)
    return [
        (Message.DELIVER_TICKETS, {"order_id": str(order.pk)}),
        (Message.SEND_TRANSFER_MAIL, {"mail_id": str(mail.pk)}),
        *((message, {name: str(row.pk)}) for message, name, row in rows),
    ]


def test_each_mail_that_waits_is_asked_for_and_none_that_was_sent_or_given_up(
    queue: RecordingQueue,
):
    waiting, sent, given_up = (make_paid_order() for _ in range(3))
    expected = ask_for_all_mails(waiting)
    ask_for_all_mails(sent, sent_at=NOON)
    ask_for_all_mails(given_up, failed_at=NOON)
    assert Transfer.objects.count() == 3
    change = ChangeForBuyers.objects.create(
        event=waiting.event, changed_at=NOON, before={}, ask_again_at=NOON
    )
    expected.append((Message.TELL_BUYERS_OF_CHANGE, {"change_id": str(change.pk)}))
    queue.sent.clear()

    assert retry_waiting_work(now=NOON + LATER) == len(expected) == 8

    assert sorted(queue.sent, key=str) == sorted(expected, key=str)


def test_cancelled_events_are_finished_in_batches_the_longest_cancelled_first(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "BATCH", 2)
    events = [make_event() for _ in range(5)]
    for minutes, event in enumerate(events[1:]):
        cancelled_at = NOON - timedelta(minutes=minutes)
        Event.objects.filter(pk=event.pk).update(status="cancelled", cancelled_at=cancelled_at)
    Event.objects.filter(pk=events[4].pk).update(wound_up_at=NOON)
    queue.sent.clear()

    assert retry_waiting_work(now=NOON) == 2

    assert queue.sent == [
        (Message.FINISH_EVENT_CANCELLATION, {"event_id": str(event.pk)})
        for event in (events[3], events[2])
    ]
