"""Sending notices: one mail for each, within the recipient's limit, with what is true by then."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from events.models import ChangeForBuyers, Event
from events.organizing import cancel_event
from orders.correction import Contact
from orders.models import Order, PixState
from tests.make import SOMEBODY, make_event, make_paid_order, make_reserved_order
from tests.moments import NOON
from tests.queue import RecordingQueue
from tests.tickets.notices.test_requests import change, notice_of, pix_of, refund_of
from ticketing import clock, mailing
from ticketing.actors import record_act
from ticketing.ids import new_id
from ticketing.models import ActType
from ticketing.queue.messages import Message
from tickets.notices.models import Notice, NoticeKind
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


# --- Which notices wait, which are closed, and what else a mail settles ------------------------


def send(notice: Notice) -> int:
    """Send a notice at noon. Return how many mails went out."""
    mail.outbox.clear()
    send_notice(notice_id=notice.pk, now=NOON)
    notice.refresh_from_db()
    return len(mail.outbox)


def test_a_notice_about_money_waits_for_its_own_money_only():
    order, other = make_paid_order(), make_paid_order()
    owed, returned = (refund_of(order, returned=each) for each in (False, True))
    pix_of(order, PixState.RETURNING)
    pix_of(other, PixState.RETURNED)
    waits = [
        notice_of(order, NoticeKind.REFUND, owed),
        notice_of(order, NoticeKind.PIX_RETURNED, order.pk),
    ]
    leaves = [
        notice_of(order, NoticeKind.REFUND, returned),
        notice_of(other, NoticeKind.PIX_RETURNED, other.pk),
        # Of an order whose Pix is being returned, but about something else.
        notice_of(order, NoticeKind.EVENT_CANCELLED, order.pk),
    ]

    assert [send(notice) for notice in (*waits, *leaves)] == [0, 0, 1, 1, 1]
    assert [notice.sent_at for notice in (*waits, *leaves)] == [None, None, NOON, NOON, NOON]


@pytest.mark.parametrize(
    ("newer", "mails"),
    [
        ({}, 0),
        ({"customer_email": "bia@example.com"}, 1),
        ({"elsewhere": True}, 1),
        ({"older": True}, 1),
        # The buyer's, whose address was corrected.
        ({"customer_email": "bia@example.com", "corrected": True}, 0),
        ({"customer_email": "b@a.example", "customer_name": "Bia", "corrected": True}, 1),
        ({"customer_email": "b@a.example", "corrected": True, "elsewhere": True}, 1),
        ({"customer_email": "b@a.example", "corrected": True, "older": True}, 1),
        ({"customer_email": "b@a.example", "changed_otherwise": True}, 1),
    ],
)
def test_a_declined_payment_is_told_unless_the_buyer_has_a_newer_order_of_the_event(
    newer: dict[str, Any], mails: int
):
    order = make_paid_order()
    kind = order.event.ticket_types.get()
    other = make_reserved_order(ticket_type=None if newer.get("elsewhere") else kind)
    # An act about another order says nothing about this one.
    acts = [(order.pk, ActType.ORDER_CUSTOMER_CORRECTED)]
    if newer.get("corrected"):
        acts.append((other.pk, ActType.ORDER_CUSTOMER_CORRECTED))
    if newer.get("changed_otherwise"):
        acts.append((other.pk, ActType.ORDER_HOLDERS_NAMED))
    for subject_id, act in acts:
        with transaction.atomic():
            record_act(act=act, actor=SOMEBODY, subject_id=subject_id, organizer_id=None, at=NOON)
    columns = {name: newer[name] for name in newer if name.startswith("customer_")}
    if newer.get("older"):
        columns["created_at"] = order.created_at - HOUR
    Order.objects.filter(pk=other.pk).update(modified_at=NOON, **columns)
    notice = notice_of(order, NoticeKind.PAYMENT_DECLINED, order.pk)

    assert send(notice) == mails
    assert (notice.sent_at, notice.leased_until) == (NOON, None)


def test_the_mail_about_a_declined_payment_leads_to_an_order_while_the_event_is_on_sale():
    order = make_paid_order()
    Order.objects.update(language="en")
    bodies = []
    for ends_at in (NOON, clock.now() + HOUR):
        Event.objects.update(starts_at=ends_at - HOUR, ends_at=ends_at)
        Notice.objects.all().delete()
        send(notice_of(order, NoticeKind.PAYMENT_DECLINED, order.pk))
        bodies.append(str(mail.outbox[0].body))

    assert ["Try again" in body for body in bodies] == [False, True]


def test_one_mail_settles_the_changes_that_its_buyer_was_not_told_of_yet():
    event = make_event(venue="Now")
    kind = event.ticket_types.get()
    order, other = make_paid_order(ticket_type=kind), make_paid_order(ticket_type=kind)
    Order.objects.update(language="en")
    told, given_up, first, second = (
        ChangeForBuyers.objects.create(
            event=event, changed_at=NOON + place * HOUR, before={"venue": f"Venue {place}"},
            ask_again_at=NOON,
        )
        for place in range(4)
    )  # fmt: skip
    changed = NoticeKind.EVENT_CHANGED
    others = [
        notice_of(order, changed, told.pk, sent_at=NOON - HOUR),
        notice_of(order, changed, given_up.pk, failed_at=NOON - HOUR),
        notice_of(other, changed, first.pk),
        # Of another kind, and about the same.
        notice_of(order, NoticeKind.REFUND, told.pk),
    ]
    before = list(Notice.objects.order_by("pk").values())
    waiting, sending = notice_of(order, changed, first.pk), notice_of(order, changed, second.pk)

    assert send(sending) == 1

    assert "Before: Venue 2" in str(mail.outbox[0].body)
    waiting.refresh_from_db()
    assert (sending.sent_at, waiting.sent_at) == (NOON, NOON)
    pks = [each.pk for each in others]
    assert list(Notice.objects.filter(pk__in=pks).order_by("pk").values()) == before


def test_a_change_during_the_mail_leaves_the_earlier_one_to_be_told(
    monkeypatch: pytest.MonkeyPatch,
):
    event = make_event(venue="Now")
    order = make_paid_order(ticket_type=event.ticket_types.get())
    changes = [
        ChangeForBuyers.objects.create(
            event=event, changed_at=NOON + place * HOUR, before={"venue": f"Venue {place}"},
            ask_again_at=NOON,
        )
        for place in range(2)
    ]  # fmt: skip
    waiting, sending = (notice_of(order, NoticeKind.EVENT_CHANGED, each.pk) for each in changes)
    # Another mail of that moment is none about this order.
    notice_of(make_paid_order(), NoticeKind.EVENT_CHANGED, new_id(), sent_at=NOON)

    def requested_again(*_arguments: Any, **_named: Any) -> None:
        Notice.objects.filter(pk=sending.pk).update(sent_at=None)

    monkeypatch.setattr("tickets.notices.sending.send_leased_mail", requested_again)
    send(sending)

    waiting.refresh_from_db()
    assert waiting.sent_at is None
