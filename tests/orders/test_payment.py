"""The refusals of a payment, and the undo of a failed payment."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from redis import Redis

from events.models import Event
from events.organizing import cancel_event
from events.stock.record import PROCESSING_HOLD_MILLISECONDS
from orders.cancellation import cancel_order
from orders.email_confirmation import EmailConfirmation
from orders.limits import MaxPerCustomerExceeded
from orders.models import Order, OrderStatus, Payment
from orders.payment import (
    LATEST_CHARGE,
    OrderNotPayable,
    PaymentNotAccepted,
    confirm_payment,
    fail_payment,
    note_undo,
)
from orders.sweep import resend_order_messages
from tests.crash import BEFORE, crash
from tests.make import (
    SOMEBODY,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.database.locks import Lock
from tickets.models import Ticket
from tickets.refund import refund_tickets
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def pay(order: Order, *, method: str = "card", token: str = "tok_approved") -> None:
    confirm_payment(order=order, method=method, token=token, now=clock.now())


def test_the_refusal_of_a_payment_names_the_status_of_the_order():
    paid, cancelled, off_sale = make_paid_order(), make_reserved_order(), make_reserved_order()
    cancel_order(order_id=cancelled.pk, actor=SOMEBODY, now=clock.now())
    cancel_event(event_id=off_sale.event_id, actor=SOMEBODY, now=clock.now())
    for order in (paid, cancelled, off_sale):
        order.refresh_from_db()

    for order, detail in (
        (paid, "The order is paid. Only a reservation can be paid."),
        (cancelled, "The order is cancelled. Only a reservation can be paid."),
        (off_sale, "The event of this order is not on sale any more."),
    ):
        with pytest.raises(OrderNotPayable) as refused:
            pay(order)
        assert str(refused.value) == detail


def test_the_refusal_of_a_payment_method_names_the_accepted_ones():
    free = make_reserved_order(ticket_type=make_ticket_type(price="0.00"))

    with pytest.raises(PaymentNotAccepted, match="This order is free: send the method `free`"):
        pay(free)
    with pytest.raises(PaymentNotAccepted, match="not free: send the method `card` or `pix`"):
        pay(make_reserved_order(), method="free", token="")


def failed_payment() -> Payment:
    order = make_processing_order(token="tok_declined")
    settle_order(order_id=order.pk, now=clock.now())
    return Payment.objects.get(order=order)


def test_an_undo_is_recorded_only_for_its_payment_and_only_when_no_charge_can_follow():
    payment, other = failed_payment(), failed_payment()
    assert payment.undo_at is not None

    def undone_at(payment: Payment) -> object:
        return Payment.objects.values_list("undone_at", flat=True).get(pk=payment.pk)

    note_undo(payment=payment, now=payment.undo_at - timedelta(microseconds=1))
    assert undone_at(payment) is None
    for hours in (0, 1):
        note_undo(payment=payment, now=payment.undo_at + timedelta(hours=hours))

    assert (undone_at(payment), undone_at(other)) == (payment.undo_at, None)
    # An undo that another transaction could roll back would not be on record.
    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        note_undo(payment=other, now=payment.undo_at)


def test_an_order_of_a_cancelled_event_cannot_be_paid_while_another_event_is_on_sale():
    make_event()
    order = make_reserved_order()
    # The event is cancelled, but its reservations are not cancelled yet.
    Event.objects.filter(pk=order.event_id).update(status="cancelled")

    with pytest.raises(OrderNotPayable, match="not on sale any more"):
        pay(order)

    assert not Payment.objects.exists()


def test_a_failed_payment_is_due_for_its_last_undo_when_no_charge_can_follow():
    order, now = make_processing_order(token="tok_declined"), clock.now()
    Payment.objects.update(asks=3)

    settle_order(order_id=order.pk, now=now)

    order.refresh_from_db()
    payment = Payment.objects.get()
    assert (order.closed_at, payment.decided_at, payment.asks) == (now, now, 0)
    assert payment.undo_at == payment.ask_again_at == now + LATEST_CHARGE


def test_an_order_and_its_payment_have_the_times_of_their_moves():
    order = make_reserved_order()
    paid_at, settled_at = clock.now(), clock.now()
    confirm_payment(order=order, method="card", token="tok_approved", now=paid_at)
    settle_order(order_id=order.pk, now=settled_at)

    order.refresh_from_db()
    assert (order.processing_at, order.paid_at) == (paid_at, settled_at)
    assert Payment.objects.get(order=order).decided_at == settled_at


def test_a_customer_cannot_pay_for_more_tickets_than_one_may_own():
    kind = make_ticket_type()
    make_paid_order(ticket_type=kind, quantity=2)
    order = make_reserved_order(ticket_type=kind)
    Event.objects.update(max_per_customer=2)
    order = Order.objects.select_related("event").get(pk=order.pk)

    with pytest.raises(MaxPerCustomerExceeded):
        confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())

    order.refresh_from_db()
    assert order.status == OrderStatus.RESERVED


def test_a_returned_ticket_is_no_longer_owned(queue: RecordingQueue):
    kind = make_ticket_type()
    ticket = Ticket.objects.of_order(make_paid_order(ticket_type=kind, quantity=2).pk).first()
    assert ticket is not None
    refund_tickets(
        order_id=ticket.order_id, ticket_ids=[ticket.pk], actor=SOMEBODY, now=clock.now()
    )
    order = make_reserved_order(ticket_type=kind)
    Event.objects.update(max_per_customer=2)
    order = Order.objects.select_related("event").get(pk=order.pk)

    pay(order)

    order.refresh_from_db()
    assert order.status == OrderStatus.PROCESSING


def test_a_payment_shares_the_event_so_that_a_cancellation_waits_for_it():
    order = make_reserved_order()
    held: list[str] = []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                " AND objid = %s AND pid = pg_backend_pid()",
                [Lock.EVENT, order.event.number],
            )
            held.extend(mode for (mode,) in cursor.fetchall())

    confirm_payment(
        order=order, method="card", token="tok_approved", now=clock.now(), store_response=look
    )

    assert held == ["ShareLock"]


def test_the_hold_of_an_order_is_checked_a_minute_after_its_payment(redis: Redis):
    order = make_reserved_order()

    pay(order)

    due = redis.zscore(f"{{event:{order.event_id}}}:due", str(order.pk))
    seconds, _ = redis.time()
    assert due == pytest.approx(seconds * 1000 + PROCESSING_HOLD_MILLISECONDS, abs=15_000)


def test_a_crash_before_the_stock_is_returned_leaves_the_payment_open():
    order = make_processing_order()

    with crash(BEFORE, "orders.payment:return_promised"):
        fail_payment(order=order, decline_code="card_declined", now=clock.now())

    order.refresh_from_db()
    assert order.status == OrderStatus.PROCESSING


def test_an_undone_payment_and_a_confirmed_order_are_not_retried(queue: RecordingQueue):
    declined = make_processing_order(token="tok_declined")
    settle_order(order_id=declined.pk, now=clock.now())
    Payment.objects.update(undone_at=clock.now())
    confirmed = make_reserved_order()
    EmailConfirmation.objects.create(
        order=confirmed, asked_at=NOON, ask_again_at=NOON, confirmed_at=NOON
    )
    queue.sent.clear()

    with transaction.atomic():
        sent = resend_order_messages(now=clock.now() + timedelta(days=1))

    assert (sent, queue.sent) == (0, [])
