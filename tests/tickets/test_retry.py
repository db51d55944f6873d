"""A retry of one order does at once what the sweep would do later."""

import pytest
from django.core import mail

from orders.models import Order
from orders.refunds import return_money
from orders.simulated_charges import SimulatedRefund
from tests.make import SOMEBODY, make_paid_order, make_processing_order, make_reserved_order
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.tickets.test_sweep import ask_for_all_mails
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.delivery import deliver_tickets
from tickets.models import Delivery
from tickets.notices.models import Notice, NoticeKind
from tickets.refund import refund_order
from tickets.retry import NothingToRetry, Work, retry_order, unfinished_work

pytestmark = pytest.mark.django_db(transaction=True)


def retry(order: Order) -> None:
    retry_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())


def test_an_order_whose_messages_were_lost_is_settled_and_mailed(queue: RecordingQueue):
    order = make_processing_order()
    queue.sent.clear()
    assert unfinished_work(order.pk) == {Work.PAYMENT}

    retry(order)
    queue.run_all()

    order.refresh_from_db()
    assert (order.status, len(mail.outbox)) == ("paid", 1)
    assert unfinished_work(order.pk) == set()
    assert Act.objects.get(type="order.retried").subject_id == order.pk


def test_a_refund_that_was_not_paid_out_is_paid_out_once(queue: RecordingQueue):
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.sent.clear()

    retry(order)
    retry(order)

    assert queue.run_all().count(Message.RETURN_MONEY) == 2
    assert SimulatedRefund.objects.count() == 1
    order.refresh_from_db()
    assert order.payment.status == "refunded"
    assert unfinished_work(order.pk) == set()


def test_a_mail_that_was_given_up_is_sent_again(queue: RecordingQueue):
    order = make_paid_order()
    Order.objects.filter(pk=order.pk).update(customer_email='"x\x01y"@example.com')
    deliver_tickets(order_id=order.pk, now=clock.now())
    queue.sent.clear()
    assert unfinished_work(order.pk) == {Work.MAIL_GIVEN_UP}
    Order.objects.filter(pk=order.pk).update(customer_email="ana@example.com")

    retry(order)
    queue.run_all()

    assert [letter.to for letter in mail.outbox] == [["ana@example.com"]]


def test_other_mails_of_an_order_that_were_given_up_are_sent_again(queue: RecordingQueue):
    order = make_paid_order()
    queue.run_all()
    now = clock.now()
    notice = Notice.objects.create(
        order=order,
        kind=NoticeKind.EVENT_CANCELLED,
        cause=new_id(),
        asked_at=now,
        ask_again_at=now,
        failed_at=now,
        details={"amount": "0.00", "tickets": []},
    )
    assert unfinished_work(order.pk) == {Work.OTHER_MAILS}

    retry(order)

    notice.refresh_from_db()
    assert notice.failed_at is None
    assert queue.run_all() == [Message.SEND_NOTICE]


def test_a_notice_of_a_refund_waits_for_its_money_and_not_for_a_retry():
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    assert unfinished_work(order.pk) == {Work.MONEY}


def test_a_retry_does_not_make_a_worker_begin_its_delivery_again(queue: RecordingQueue):
    order = make_paid_order()
    asked_at = Delivery.objects.get().asked_at

    retry(order)

    assert Delivery.objects.get().asked_at == asked_at


def test_an_order_that_waits_for_nothing_is_refused(queue: RecordingQueue):
    done, reserved = make_paid_order(), make_reserved_order()
    queue.run_all()

    for order in (done, reserved):
        with pytest.raises(NothingToRetry):
            retry(order)
    assert not Act.objects.filter(type="order.retried").exists()


def test_a_retry_is_about_the_unsent_mails_of_one_order(queue: RecordingQueue):
    order, other, sent, refunded = (make_paid_order() for _ in range(4))
    of_order = ask_for_all_mails(order)
    ask_for_all_mails(other)
    ask_for_all_mails(sent, sent_at=NOON)
    Notice.objects.filter(order__in=[order, sent]).update(attempts=1)
    Order.objects.filter(pk=refunded.pk).update(status="refunded")
    queue.sent.clear()

    retry(order)

    # Not those to members, and no reminder: the sweep sends these.
    others = {Message.SEND_MEMBER_NOTICE, Message.SEND_REMINDER, Message.SEND_ORDER_LIST}
    expected = [each for each in of_order if each[0] not in others]
    assert sorted(queue.sent, key=str) == sorted(expected, key=str)
    assert unfinished_work(sent.pk) == set()
    assert Work.MAIL not in unfinished_work(refunded.pk)
    for nothing in (sent, refunded):
        with pytest.raises(NothingToRetry):
            retry(nothing)


def test_a_notice_of_a_refund_whose_mail_has_failed_is_retried_with_its_money_returned():
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    return_money(order_id=order.pk, now=clock.now())
    Delivery.objects.update(sent_at=NOON)

    assert unfinished_work(order.pk) == set()
    Notice.objects.update(attempts=1)
    assert unfinished_work(order.pk) == {Work.OTHER_MAILS}
