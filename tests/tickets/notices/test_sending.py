"""Sending notices: one mail for each, within the recipient's limit, with what is true by then."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from events.organizing import cancel_event
from orders.correction import Contact
from orders.models import Order
from tests.make import SOMEBODY, make_event, make_paid_order
from tests.queue import RecordingQueue
from tests.tickets.notices.test_requests import change
from ticketing import clock, mailing
from ticketing.queue.messages import Message
from tickets.notices.models import Notice
from tickets.notices.sending import send_notice
from tickets.operations.backlog import count_mails_given_up, measure_oldest_work
from tickets.redelivery import correct_customer
from tickets.refund import refund_order
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def changed_order(queue: RecordingQueue, *venues: str) -> tuple[Order, list[Notice]]:
    """Return an order, and a notice that waits for each new venue of its event."""
    event = make_event(venue="Circo Voador")
    order = make_paid_order(ticket_type=event.ticket_types.get())
    queue.run_all()
    for venue in venues:
        change(event, venue=venue)
        queue.run_next()
        queue.sent.clear()
    mail.outbox.clear()
    return order, list(Notice.objects.order_by("asked_at"))


def test_a_repeated_message_mails_once(queue: RecordingQueue):
    _order, (notice,) = changed_order(queue, "Fundição Progresso")

    for _ in range(2):
        send_notice(notice_id=notice.pk, now=clock.now())

    assert len(mail.outbox) == 1


def test_two_changes_that_were_not_told_yet_are_told_in_one_mail(queue: RecordingQueue):
    _order, notices = changed_order(queue, "Fundição Progresso", "Teatro Rival")

    for notice in notices:
        send_notice(notice_id=notice.pk, now=clock.now())

    (letter,) = mail.outbox
    assert "Teatro Rival" in str(letter.body)
    assert "Antes: Circo Voador" in str(letter.body)
    assert "Fundição" not in str(letter.body)
    assert Notice.objects.filter(sent_at=None).count() == 0


def test_a_change_that_was_taken_back_before_the_mail_is_not_told(queue: RecordingQueue):
    _order, notices = changed_order(queue, "Fundição Progresso", "Circo Voador")

    for notice in notices:
        send_notice(notice_id=notice.pk, now=clock.now())

    assert mail.outbox == []
    assert Notice.objects.filter(sent_at=None).count() == 0


@pytest.mark.parametrize("ended_by", ["refund", "cancellation"])
def test_a_change_is_not_told_any_more_once_the_order_or_the_event_ended(
    queue: RecordingQueue, ended_by: str
):
    order, (notice,) = changed_order(queue, "Fundição Progresso")
    if ended_by == "refund":
        refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    else:
        cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())

    send_notice(notice_id=notice.pk, now=clock.now())

    assert mail.outbox == []
    notice.refresh_from_db()
    assert notice.sent_at is not None


def test_a_notice_over_the_recipients_limit_is_put_off_and_sent_later(
    queue: RecordingQueue, settings
):
    _order, (first,) = changed_order(queue, "Fundição Progresso")
    second, _ = changed_order(queue, "Teatro Rival")
    later = Notice.objects.get(order=second)
    settings.MAILS_PER_RECIPIENT_PER_HOUR = 1
    now = clock.now()

    send_notice(notice_id=first.pk, now=now)
    send_notice(notice_id=later.pk, now=now)
    at_once = len(mail.outbox)
    later.refresh_from_db()
    queue.sent.clear()
    retry_waiting_work(now=now + 2 * HOUR)
    send_notice(notice_id=later.pk, now=now + 2 * HOUR)

    assert later.goes_at is not None
    assert later.goes_at > now
    assert (Message.SEND_NOTICE, {"notice_id": str(later.pk)}) in queue.sent
    assert (at_once, len(mail.outbox)) == (1, 2)


def test_a_notice_to_an_address_that_cannot_be_mailed_is_given_up_and_counted(
    queue: RecordingQueue,
):
    order, (notice,) = changed_order(queue, "Fundição Progresso")
    Order.objects.filter(pk=order.pk).update(customer_email="ana@localhost")

    send_notice(notice_id=notice.pk, now=clock.now())

    notice.refresh_from_db()
    assert notice.failed_at is not None
    assert "cannot be mailed" in notice.failure
    assert count_mails_given_up() == 1
    assert retry_waiting_work(now=clock.now() + HOUR) == 0


def test_a_corrected_address_gets_the_notice_that_was_given_up_also_of_a_refunded_order(
    queue: RecordingQueue,
):
    order = make_paid_order()
    queue.run_all()
    Order.objects.filter(pk=order.pk).update(customer_email="ana@localhost")
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.run_all()
    given_up = Notice.objects.get()
    mail.outbox.clear()

    correct_customer(
        order_id=order.pk,
        was=Contact(order.customer_name, "ana@localhost"),
        becomes=Contact(order.customer_name, "ana@example.com"),
        actor=SOMEBODY,
        now=clock.now(),
    )
    requested = [message for message, _ids in queue.sent]
    queue.run_all()

    # The tickets of a refunded order are not mailed again.
    assert requested == [Message.SEND_NOTICE]
    assert given_up.failed_at is not None
    assert [letter.to for letter in mail.outbox] == [["ana@example.com"]]
    assert mail.outbox[0].subject.startswith("Seu reembolso: ")
    assert Notice.objects.filter(failed_at=None, sent_at__isnull=False).count() == 1


def test_a_mail_that_fails_returns_to_the_queue_and_counts_as_unsent(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    class Unreachable(BaseEmailBackend):
        def send_messages(self, email_messages: object) -> int:
            raise ConnectionError

    _order, (notice,) = changed_order(queue, "Fundição Progresso")
    with monkeypatch.context() as patch:
        patch.setattr(mailing, "open_mail", Unreachable)
        with pytest.raises(ConnectionError):
            send_notice(notice_id=notice.pk, now=clock.now())
    waited = measure_oldest_work(now=clock.now() + HOUR).mail_unsent
    send_notice(notice_id=notice.pk, now=clock.now())

    assert waited is not None
    assert waited >= HOUR.total_seconds()
    assert len(mail.outbox) == 1


def test_a_notice_that_waits_for_the_money_is_not_counted_as_an_unsent_mail(
    queue: RecordingQueue,
):
    order = make_paid_order()
    queue.run_all()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    assert measure_oldest_work(now=clock.now() + HOUR).mail_unsent is None
