"""Returned money is recorded for its own refund and payment only, and once."""

from datetime import timedelta
from typing import Any

import pytest

from orders.gateway import GatewayAway
from orders.models import Order, Payment, PaymentStatus, Refund
from orders.refunds import return_money
from tests.crash import BEFORE, crash
from tests.make import SOMEBODY, make_event, make_paid_order
from tests.moments import NOON
from ticketing import clock
from tickets.models import Ticket
from tickets.refund import refund_order, refund_tickets

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOON + timedelta(hours=1)


def refund_one_ticket(order: Order) -> Refund:
    ticket = Ticket.objects.of_order(order.pk).filter(refunded_at=None)[0]
    refund_tickets(order_id=order.pk, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now())
    return Refund.objects.filter(payment__order=order).latest("created_at")


def test_a_full_refund_closes_the_order_and_its_payment_at_these_times():
    order, now = make_paid_order(), clock.now()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=now)
    return_money(order_id=order.pk, now=LATER)

    order.refresh_from_db()
    payment = Payment.objects.get()
    assert order.closed_at == now
    assert (payment.status, payment.refunded_at) == (PaymentStatus.REFUNDED, LATER)


def test_the_money_of_other_orders_stays_owed_and_does_not_delay_this_payment():
    order, other = make_paid_order(), make_paid_order()
    for each in (order, other):
        refund_order(order_id=each.pk, actor=SOMEBODY, now=clock.now())

    return_money(order_id=order.pk, now=NOON)

    statuses = dict(Payment.objects.values_list("order_id", "status"))
    assert statuses == {order.pk: PaymentStatus.REFUNDED, other.pk: PaymentStatus.REFUNDING}
    assert Refund.objects.get(payment__order=other).refunded_at is None


def test_the_return_of_a_part_leaves_the_payment_approved():
    order = make_paid_order(quantity=2)
    refund_one_ticket(order)

    return_money(order_id=order.pk, now=NOON)

    payment = Payment.objects.get()
    assert (payment.status, payment.refunded_at) == (PaymentStatus.APPROVED, None)


def test_a_refund_whose_money_was_returned_is_not_sent_to_the_gateway_again(
    monkeypatch: pytest.MonkeyPatch,
):
    order = make_paid_order(quantity=3)
    first = refund_one_ticket(order)
    return_money(order_id=order.pk, now=NOON)
    second = refund_one_ticket(order)
    asked: list[Refund] = []
    monkeypatch.setattr("orders.refunds.refund", lambda owed, **_: asked.append(owed))

    return_money(order_id=order.pk, now=LATER)

    assert asked == [second]
    first.refresh_from_db()
    assert first.refunded_at == NOON


def test_a_gateway_that_fails_at_the_second_refund_leaves_it_owed(
    monkeypatch: pytest.MonkeyPatch,
):
    order = make_paid_order(quantity=2)
    first, second = refund_one_ticket(order), refund_one_ticket(order)

    def fail_at_the_second(owed: Refund, **_: Any) -> None:
        if owed == second:
            raise GatewayAway

    monkeypatch.setattr("orders.refunds.refund", fail_at_the_second)
    with pytest.raises(GatewayAway):
        return_money(order_id=order.pk, now=NOON)

    returned = dict(Refund.objects.values_list("pk", "refunded_at"))
    assert returned == {first.pk: NOON, second.pk: None}
    assert Payment.objects.get().status == PaymentStatus.REFUNDING


def test_the_time_that_another_worker_recorded_stays(monkeypatch: pytest.MonkeyPatch):
    order = make_paid_order()
    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    def another_worker_is_faster(owed: Refund, **_: Any) -> None:
        Refund.objects.filter(pk=owed.pk).update(refunded_at=NOON)

    monkeypatch.setattr("orders.refunds.refund", another_worker_is_faster)
    return_money(order_id=order.pk, now=LATER)

    assert Refund.objects.get().refunded_at == NOON


def test_a_partial_refund_and_its_return_are_changes_of_the_order():
    order = make_paid_order(quantity=2)
    times = [order.modified_at]
    refund_one_ticket(order)
    order.refresh_from_db()
    times.append(order.modified_at)
    return_money(order_id=order.pk, now=clock.now())
    order.refresh_from_db()
    times.append(order.modified_at)

    assert times == sorted(set(times))


def test_a_crash_during_the_record_of_a_return_leaves_the_refund_owed():
    order = make_paid_order(quantity=2)
    refund_one_ticket(order)

    with crash(BEFORE, "orders.refunds:touch_order"):
        return_money(order_id=order.pk, now=NOON)

    assert Refund.objects.get().refunded_at is None


def test_a_payment_has_the_currency_of_its_order():
    kind = make_event(currency="USD").ticket_types.get()

    order = make_paid_order(ticket_type=kind)

    assert (order.currency, Payment.objects.get().currency) == ("USD", "USD")
