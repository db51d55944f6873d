"""The limit of mails to one recipient in an hour: further mails are delayed, and none is lost."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction

from orders.models import Order
from tests.make import SOMEBODY, make_paid_order
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.race import race
from ticketing import clock
from ticketing.mail_limit import (
    TooManyMails,
    book_mail,
    book_mail_now,
    forget_booked_mails,
)
from ticketing.models import BookedMail
from tickets.delivery import deliver_tickets, resend_tickets
from tickets.models import Delivery
from tickets.operations.backlog import measure_oldest_work
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def three_an_hour(settings: Any) -> None:
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 3


def book(address: str = "ana@example.com", now: datetime = NOON) -> datetime:
    with transaction.atomic():
        return book_mail(address=address, now=now)


def test_a_mail_over_the_limit_is_delayed_until_the_window_has_room():
    times = [book(now=NOON + minute * MINUTE) for minute in range(7)]

    assert times[:3] == [NOON, NOON + MINUTE, NOON + 2 * MINUTE]
    assert times[3:6] == [moment + HOUR for moment in times[:3]]
    assert times[6] == NOON + 2 * HOUR


def test_an_hour_later_the_window_has_room_again():
    for _mail in range(3):
        book()

    assert book(now=NOON + HOUR) == NOON + HOUR


@pytest.mark.parametrize(
    ("other", "when"),
    [
        ("ANA@Example.com", NOON + HOUR),
        ("ana+2@example.com", NOON + HOUR),
        ("eva@example.com", NOON),
        ("ana@example.org", NOON),
    ],
)
def test_one_recipient_is_counted_however_the_address_is_written(other: str, when: datetime):
    for _mail in range(3):
        book("ana+1@example.com")

    assert book(other) == when


def test_a_mail_that_must_not_be_delayed_is_refused_and_books_nothing():
    for _mail in range(3):
        book()

    with pytest.raises(TooManyMails) as refused, transaction.atomic():
        book_mail_now(address="ana@example.com", now=NOON + MINUTE)

    assert refused.value.retry_after == 59 * 60
    assert BookedMail.objects.count() == 3


def test_concurrent_bookings_do_not_exceed_the_limit():
    booked = race(*[book] * 12)

    assert sum(moment == NOON for moment in booked) == 3
    assert sum(moment == NOON + 3 * HOUR for moment in booked) == 3


def test_without_a_limit_nothing_is_counted(settings: Any):
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 0

    assert [book() for _mail in range(50)] == [NOON] * 50
    assert not BookedMail.objects.exists()


def test_the_table_contains_no_address_and_old_rows_are_deleted():
    book()
    book(now=NOON + 2 * HOUR)

    forget_booked_mails(now=NOON + HOUR + MINUTE)

    booked = BookedMail.objects.get()
    assert booked.goes_at == NOON + 2 * HOUR
    assert "ana" not in booked.recipient


def paid_orders(count: int) -> list[Order]:
    return [make_paid_order() for _order in range(count)]


def test_mails_with_tickets_over_the_limit_are_sent_later(queue: RecordingQueue):
    orders, now = paid_orders(5), clock.now()
    for order in orders:
        deliver_tickets(order_id=order.pk, now=now)
    queue.sent.clear()
    at_once = len(mail.outbox)
    late = measure_oldest_work(now=now).mail_unsent

    assert retry_waiting_work(now=now + HOUR - MINUTE) == 0
    retry_waiting_work(now=now + HOUR)
    for message, ids in queue.sent:
        assert message == "tickets.deliver_tickets"
        deliver_tickets(order_id=Order.objects.get(pk=ids["order_id"]).pk, now=now + HOUR)

    assert (at_once, len(mail.outbox), late) == (3, 5, None)
    assert not Delivery.objects.filter(sent_at=None).exists()


def test_a_delayed_mail_keeps_its_time_when_more_mails_are_requested():
    orders, now = paid_orders(5), clock.now()
    for order in orders[:4]:
        deliver_tickets(order_id=order.pk, now=now)
    for minute in range(1, 50, 7):
        # Staff resend two orders many times: one whose mail waits, and one whose mail was sent.
        moment = now + minute * MINUTE
        for order in (orders[0], orders[3]):
            resend_tickets(order_id=order.pk, actor=SOMEBODY, now=moment)
            deliver_tickets(order_id=order.pk, now=moment)
    sent = len(mail.outbox)

    deliver_tickets(order_id=orders[3].pk, now=now + HOUR)

    assert (sent, len(mail.outbox)) == (3, 4)
    assert Delivery.objects.get(order=orders[3]).sent_at == now + HOUR


def test_fifty_resends_send_three_mails_in_an_hour(queue: RecordingQueue):
    (order,), now = paid_orders(1), clock.now()
    for second in range(50):
        moment = now + timedelta(seconds=second)
        resend_tickets(order_id=order.pk, actor=SOMEBODY, now=moment)
        deliver_tickets(order_id=order.pk, now=moment)

    assert len(mail.outbox) == 3


def test_retries_of_a_failed_mail_use_the_same_booking(monkeypatch: pytest.MonkeyPatch):
    (order,), now = paid_orders(1), clock.now()
    monkeypatch.setattr("ticketing.letters.HtmlMail.send", _fail)
    for second in range(5):
        with pytest.raises(ConnectionError):
            deliver_tickets(order_id=order.pk, now=now + timedelta(seconds=second))

    assert BookedMail.objects.count() == 1


def _fail(letter: mail.EmailMessage) -> int:
    raise ConnectionError
