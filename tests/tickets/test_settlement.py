"""Settling an order once: what is charged, undone and sent when workers repeat or cross."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from redis import Redis

from events.models import Event
from orders.declines import EVENT_CANCELLED
from orders.gateway import Charge, charge
from orders.models import Order, Payment, SimulatedCharge
from orders.payment import fail_payment
from tests.make import make_paid_order, make_processing_order, make_ticket_type
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from tickets import settlement
from tickets.models import Delivery
from tickets.settlement import settle_order, ticket_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("state", "sent"),
    [
        ({"codes_stored_at": None}, [Message.ISSUE_CODES]),
        ({}, [Message.DELIVER_TICKETS]),
        ({"sent_at": NOON}, []),
        ({"failed_at": NOON}, []),
    ],
)
def test_the_message_of_the_next_step_is_sent_again(
    queue: RecordingQueue, state: dict[str, object], sent: list[Message]
):
    order = make_paid_order()
    Delivery.objects.update(**{"sent_at": None, "failed_at": None, **state})
    queue.sent.clear()

    settle_order(order_id=order.pk, now=clock.now())

    assert [message for message, _ in queue.sent] == sent


def test_a_settled_order_has_its_fee_one_message_and_no_hold(
    redis: Redis, queue: RecordingQueue, settings: Any
):
    settings.SIMULATED_FEE_PERCENT = Decimal(10)
    order = make_processing_order(ticket_type=make_ticket_type(price="45.00"))
    due = f"{{event:{order.event_id}}}:due"
    assert redis.zscore(due, str(order.pk)) is not None
    queue.sent.clear()

    settle_order(order_id=order.pk, now=clock.now())

    assert Payment.objects.get().fee == Decimal("4.50")
    assert [message for message, _ in queue.sent] == [Message.ISSUE_CODES]
    assert redis.zscore(due, str(order.pk)) is None


def test_the_charge_of_a_worker_that_died_is_undone_if_the_event_is_cancelled():
    order = make_processing_order()
    charge(order.payment, now=clock.now())
    Event.objects.update(status="cancelled")

    settle_order(order_id=order.pk, now=clock.now())

    assert SimulatedCharge.objects.get().refunded_at is not None
    assert Payment.objects.get().decline_code == EVENT_CANCELLED


def test_a_charge_is_undone_if_another_worker_fails_the_order_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
):
    order = make_processing_order()

    def charge_while_another_fails(payment: Payment, *, now: datetime) -> Charge:
        charged = charge(payment, now=now)
        fail_payment(order=order, decline_code="card_declined", now=now)
        return charged

    monkeypatch.setattr(settlement, "charge", charge_while_another_fails)
    settle_order(order_id=order.pk, now=clock.now())

    assert Order.objects.get().status == "payment_failed"
    assert SimulatedCharge.objects.get().refunded_at is not None


def test_a_worker_whose_order_another_one_settles_meanwhile_sends_its_next_message(
    monkeypatch: pytest.MonkeyPatch, queue: RecordingQueue
):
    order = make_processing_order()
    queue.sent.clear()

    def charge_while_another_settles(payment: Payment, *, now: datetime) -> Charge:
        monkeypatch.setattr(settlement, "charge", charge)
        settle_order(order_id=order.pk, now=now)
        return charge(payment, now=now)

    monkeypatch.setattr(settlement, "charge", charge_while_another_settles)
    settle_order(order_id=order.pk, now=clock.now())

    assert [message for message, _ in queue.sent] == [Message.ISSUE_CODES] * 2
    assert order.tickets.count() == 1


def test_the_id_of_a_ticket_has_the_time_of_its_order_and_is_always_the_same():
    order_id = UUID("01890000-0001-7000-8000-00000000000a")
    kind_id = UUID("01890000-0000-7000-8000-00000000000b")

    first, second = (ticket_id(order_id, kind_id, position) for position in (1, 2))

    # A repeated settlement, also by another release, must find the same tickets.
    assert str(first) == "01890000-0001-7ef1-8f15-41dce0b20abd"
    assert str(second) == "01890000-0001-741a-9564-a1b1e23ceb53"
    for made in (first, second):
        assert (made.version, made.variant) == (7, RFC_4122)
        assert made.int >> 80 == order_id.int >> 80
