"""Mails about payments that did not buy anything: a declined one, and a Pix that was returned."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db.models import F

from events.models import Event
from events.organizing import cancel_event
from orders.correction import Contact, correct_own_contact
from orders.models import Order, PixCharge, PixState
from orders.payment import confirm_payment
from orders.pix import request_pix
from orders.simulated_pix import pay_simulated_pix
from tests.crash import BEFORE, crash
from tests.make import (
    SOMEBODY,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reservation,
    make_reserved_order,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from tickets.notices.models import Notice, NoticeKind
from tickets.settlement import settle_order
from tickets.sweep import retry_waiting_work
from tickets.tasks import settle_pix_task

pytestmark = pytest.mark.django_db(transaction=True)

WAIT = timedelta(minutes=5)


def declined(event: Event | None = None, *, language: str = "en") -> Order:
    event = event or make_event()
    order = make_processing_order(ticket_type=event.ticket_types.get(), token="tok_declined")
    Order.objects.filter(pk=order.pk).update(language=language)
    settle_order(order_id=order.pk, now=clock.now())
    return order


def sweep(queue: RecordingQueue, *, at: datetime) -> list[Any]:
    """Let the sweep ask for what waits, and return the mails that leave then."""
    queue.sent.clear()
    retry_waiting_work(now=at)
    queue.run_all()
    return list(mail.outbox)


@pytest.mark.parametrize(
    ("language", "subject", "sentences"),
    [
        (
            "en",
            "Your payment was not approved: ",
            ["The bank that issued the card refused it.", "Nothing was charged", "Try again"],
        ),
        (
            "pt-br",
            "Seu pagamento não foi aprovado: ",
            ["O banco do cartão recusou", "Nada foi cobrado", "Tentar de novo"],
        ),
    ],
)
def test_a_buyer_who_left_reads_why_and_where_to_try_again(
    queue: RecordingQueue, language: str, subject: str, sentences: list[str]
):
    order = declined(language=language)

    too_early = sweep(queue, at=clock.now() + WAIT - timedelta(seconds=10))
    assert too_early == []
    (letter,) = sweep(queue, at=clock.now() + WAIT)

    assert letter.subject == subject + order.event.name
    for sentence in [*sentences, f"/o/{order.pk}/?token=lnk_"]:
        assert sentence in letter.body
        assert sentence in letter.html
    # Anybody may have typed the address, and the name.
    assert "Ana Souza" not in letter.body + letter.html
    assert sweep(queue, at=clock.now() + 9 * WAIT) == [letter]


@pytest.mark.parametrize("again", [make_paid_order, make_reserved_order, None])
def test_a_buyer_who_has_come_back_gets_no_mail_about_the_first_attempt(
    queue: RecordingQueue, again: Any
):
    order = declined()
    kind = order.event.ticket_types.get()
    if again is None:
        declined(order.event)
    else:
        again(ticket_type=kind)

    letters = sweep(queue, at=clock.now() + WAIT)

    subjects = [letter.subject for letter in letters if "not approved" in letter.subject]
    # The second attempt that was declined has its own mail.
    assert len(subjects) == (again is None)
    assert Notice.objects.get(order=order).sent_at is not None


@pytest.mark.parametrize(("name", "mails"), [("Ana Souza", 0), ("Caio Reis", 1)])
def test_a_buyer_who_has_come_back_and_corrected_the_address_is_known_by_the_name(
    queue: RecordingQueue, name: str, mails: int
):
    first = declined()
    kind = first.event.ticket_types.get()
    order = Order.objects.get(pk=make_reservation(ticket_type=kind, name=name).order_id)
    becomes = Contact(name, "bia@example.com")
    correct_own_contact(order=order, becomes=becomes, actor=SOMEBODY, now=clock.now())

    letters = sweep(queue, at=clock.now() + WAIT)

    assert len([each for each in letters if "not approved" in each.subject]) == mails


def test_a_repeated_settlement_asks_for_one_mail():
    order = declined()

    settle_order(order_id=order.pk, now=clock.now())

    assert Notice.objects.get().kind == NoticeKind.PAYMENT_DECLINED


def test_the_mail_of_a_cancelled_event_leads_to_no_second_attempt(queue: RecordingQueue):
    order = make_processing_order()
    Order.objects.update(language="en")
    cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())

    (letter,) = sweep(queue, at=clock.now() + WAIT)

    assert "The organizer has cancelled this event." in letter.body
    assert "Try again" not in letter.body + letter.html
    assert "Nothing was charged" not in letter.body + letter.html


def late_pix(*, paid_by_card: bool = False, amount: str = "") -> Order:
    """Return an order whose Pix arrived too late, beside a card, or over another amount."""
    order = make_reserved_order()
    Order.objects.update(language="en")
    request_pix(order=order, now=clock.now())
    pay_simulated_pix(pix_id=order.pk, now=clock.now())
    if paid_by_card:
        confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())
        settle_order(order_id=order.pk, now=clock.now())
    elif not amount:
        Order.objects.update(reserved_until=F("reserved_until") - timedelta(minutes=16))
    else:
        PixCharge.objects.update(amount=Decimal(amount))
    settle_pix_task(order_id=str(order.pk))
    return order


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        ({}, "It arrived when the tickets were not kept for you any more."),
        ({"paid_by_card": True}, "your tickets stay valid. This Pix was a second payment."),
        ({"amount": "50.00"}, "It was over BRL\u00a045.00, and the order is over BRL\u00a050.00."),
    ],
)
def test_a_buyer_reads_that_a_pix_was_returned_and_why(
    queue: RecordingQueue, world: dict[str, Any], reason: str
):
    order = late_pix(**world)
    queue.sent = [each for each in queue.sent if each[0] == Message.SETTLE_PIX]
    assert not Notice.objects.filter(kind=NoticeKind.PIX_RETURNED).exists()
    queue.run_all()
    assert PixCharge.objects.get().state == PixState.RETURNED

    letters = sweep(queue, at=clock.now() + WAIT)

    (letter,) = [each for each in letters if each.subject.startswith("We have returned your Pix")]
    assert "BRL\u00a045.00" in letter.body
    assert reason in letter.body
    assert reason in letter.html
    assert f"/o/{order.pk}/?token=lnk_" in letter.body


def test_a_worker_that_dies_before_it_returns_a_pix_has_asked_for_the_mail(queue: RecordingQueue):
    order = late_pix()

    with crash(BEFORE, "tickets.tasks:settle_pix"):
        settle_pix_task(order_id=str(order.pk))
    before_the_money = sweep_notices(queue)
    settle_pix_task(order_id=str(order.pk))
    (letter,) = sweep(queue, at=clock.now() + 2 * WAIT)

    assert before_the_money == []
    assert letter.subject.startswith("We have returned your Pix")


def sweep_notices(queue: RecordingQueue) -> list[Any]:
    """Let the sweep ask for notices only, and return the mails that leave then."""
    queue.sent.clear()
    retry_waiting_work(now=clock.now() + WAIT)
    queue.sent = [each for each in queue.sent if each[0] == Message.SEND_NOTICE]
    queue.run_all()
    return list(mail.outbox)
