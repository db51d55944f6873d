"""What a payment is refused for, and what becomes of one that failed."""

from datetime import timedelta

import pytest

from events.models import Event
from events.organizing import cancel_event
from orders.cancellation import cancel_order
from orders.models import Order, Payment
from orders.payment import (
    LATEST_CHARGE,
    OrderNotPayable,
    PaymentNotAccepted,
    confirm_payment,
    note_undo,
)
from tests.make import (
    SOMEBODY,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def pay(order: Order, *, method: str = "card", token: str = "tok_approved") -> None:
    confirm_payment(order=order, method=method, token=token, now=clock.now())


def test_the_refusal_of_a_payment_says_what_became_of_the_order():
    paid, cancelled, off_sale = make_paid_order(), make_reserved_order(), make_reserved_order()
    cancel_order(order_id=cancelled.pk, actor=SOMEBODY, now=clock.now())
    cancel_event(event_id=off_sale.event_id, actor=SOMEBODY, now=clock.now())
    for order in (paid, cancelled, off_sale):
        order.refresh_from_db()

    for order, why in (
        (paid, "The order is paid. Only a reservation can be paid."),
        (cancelled, "The order is cancelled. Only a reservation can be paid."),
        (off_sale, "The event of this order is not on sale any more."),
    ):
        with pytest.raises(OrderNotPayable) as refused:
            pay(order)
        assert str(refused.value) == why


def test_the_refusal_of_a_method_says_which_one_is_taken():
    free = make_reserved_order(ticket_type=make_ticket_type(price="0.00"))

    with pytest.raises(PaymentNotAccepted, match="This order is free: send the method `free`"):
        pay(free)
    with pytest.raises(PaymentNotAccepted, match="not free: send the method `card` or `pix`"):
        pay(make_reserved_order(), method="free", token="")


def failed_payment() -> Payment:
    order = make_processing_order(token="tok_declined")
    settle_order(order_id=order.pk, now=clock.now())
    return Payment.objects.get(order=order)


def test_an_undo_is_noted_for_its_payment_once_no_charge_can_follow():
    payment, other = failed_payment(), failed_payment()
    assert payment.undo_at is not None

    def undone_at(noted: Payment) -> object:
        return Payment.objects.values_list("undone_at", flat=True).get(pk=noted.pk)

    note_undo(payment=payment, now=payment.undo_at - timedelta(microseconds=1))
    assert undone_at(payment) is None
    for late in (0, 1):
        note_undo(payment=payment, now=payment.undo_at + timedelta(hours=late))

    assert (undone_at(payment), undone_at(other)) == (payment.undo_at, None)


def test_an_event_that_was_called_off_is_not_paid_for_while_another_one_sells():
    make_event()
    order = make_reserved_order()
    # Called off at this moment: its reservations are still to be ended.
    Event.objects.filter(pk=order.event_id).update(status="cancelled")

    with pytest.raises(OrderNotPayable, match="not on sale any more"):
        pay(order)

    assert not Payment.objects.exists()


def test_a_payment_that_failed_is_asked_about_again_when_no_charge_can_follow():
    order, now = make_processing_order(token="tok_declined"), clock.now()
    Payment.objects.update(asks=3)

    settle_order(order_id=order.pk, now=now)

    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.closed_at, payment.decided_at, payment.asks) == (now, now, 0)
    assert payment.undo_at == payment.ask_again_at == now + LATEST_CHARGE
