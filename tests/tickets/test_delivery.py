"""Delivering tickets: to the buyers who have some, once for each request, and on record."""

import pytest
from django.core import mail

from orders.models import Order
from tests.make import (
    SOMEBODY,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_transfer,
)
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act
from ticketing.queue.messages import Message
from tickets.delivery import NothingToDeliver, deliver_tickets, resend_tickets
from tickets.models import Delivery, Ticket
from tickets.refund import refund_order
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def deliver(order: Order) -> int:
    """Deliver the tickets of an order. Return how many mails went out."""
    mail.outbox.clear()
    deliver_tickets(order_id=order.pk, now=clock.now())
    return len(mail.outbox)


def wants_mail(order: Order) -> bool:
    delivery = Delivery.objects.get(order=order)
    assert delivery.leased_until is None
    return delivery.sent_at is None


def test_a_message_delivers_the_tickets_of_its_order_only_and_that_is_on_record():
    ours, theirs = make_paid_order(), make_paid_order()
    before = clock.now()

    assert deliver(ours) == 1

    assert ours.event.name in mail.outbox[0].subject
    assert (wants_mail(ours), wants_mail(theirs)) == (False, True)
    act = Act.objects.get(type="order.mailed")
    assert (act.subject_id, act.organizer_id) == (ours.pk, ours.event.organizer_id)
    assert (act.actor_kind, act.actor_id) == ("system", str(ours.pk))
    assert before <= act.at <= clock.now()


def test_tickets_are_delivered_once_their_codes_are_stored():
    order = make_processing_order()
    settle_order(order_id=order.pk, now=clock.now())

    assert deliver(order) == 0

    assert wants_mail(order)


def test_an_order_that_was_refunded_meanwhile_gets_no_tickets_and_waits_for_none():
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    Delivery.objects.update(sent_at=None)

    assert deliver(order) == 0

    assert not wants_mail(order)
    assert not Act.objects.filter(type="order.mailed").exists()


def test_a_buyer_gets_a_mail_until_the_last_ticket_was_handed_on():
    order = make_paid_order(quantity=2)
    first, second = Ticket.objects.of_order(order.pk)
    counts = []
    for ticket in (first, second):
        make_transfer(ticket=ticket, email="bia@example.com")
        now = clock.now()
        Delivery.objects.update(sent_at=None, codes_stored_at=now)
        counts.append(deliver(order))
        assert not wants_mail(order)

    assert counts == [1, 0]


def test_tickets_are_sent_again_to_one_order_with_the_response_stored_and_on_record(
    queue: RecordingQueue,
):
    order, other = make_paid_order(), make_paid_order()
    for each in (order, other):
        deliver(each)
    queue.sent.clear()
    stored: list[bool] = []

    resend_tickets(
        order_id=order.pk,
        actor=SOMEBODY,
        now=clock.now(),
        store_response=lambda: stored.append(wants_mail(order)),
    )

    assert stored == [True]
    assert (wants_mail(order), wants_mail(other)) == (True, False)
    assert queue.sent == [(Message.DELIVER_TICKETS, {"order_id": str(order.pk)})]
    act = Act.objects.get(type="order.resent")
    assert (act.subject_id, act.organizer_id) == (order.pk, order.event.organizer_id)
    assert act.actor_id == SOMEBODY.id


def test_an_order_that_is_not_paid_any_more_has_nothing_to_send_again(queue: RecordingQueue):
    order, other = make_paid_order(), make_reserved_order()
    deliver(order)
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    queue.sent.clear()

    for each in (order, other):
        with pytest.raises(NothingToDeliver):
            resend_tickets(order_id=each.pk, actor=SOMEBODY, now=clock.now())

    assert not wants_mail(order)
    assert queue.sent == []
