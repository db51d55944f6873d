"""Which rows of orders still wait for a worker, and the messages that are sent again for them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from orders.email_confirmation import EmailConfirmation
from orders.guest_list_record import GuestList, GuestListState
from orders.models import Order, Payment, PaymentStatus, PixCharge, PixState, Refund
from orders.sweep import resend_messages_of, resend_order_messages, waiting_messages_of
from tests.make import make_paid_order, make_processing_order, make_reserved_order
from tests.moments import NOON
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message, next_retry_at

pytestmark = pytest.mark.django_db(transaction=True)


def add_pix(order: Order, **fields: Any) -> None:
    PixCharge.objects.create(
        order=order,
        gateway_id=order.code,
        amount=order.total,
        created_at=NOON,
        expires_at=NOON,
        ask_again_at=NOON,
        **fields,
    )


def add_refund(order: Order, **fields: Any) -> None:
    Refund.objects.create(
        payment=order.payment,
        amount=Decimal(1),
        created_at=NOON,
        ask_again_at=NOON,
        **fields,
    )


def add_confirmation(order: Order, **fields: Any) -> None:
    EmailConfirmation.objects.create(order=order, asked_at=NOON, ask_again_at=NOON, **fields)


def add_guest_list(order: Order, state: GuestListState) -> UUID:
    guests = GuestList.objects.create(
        event=order.event, method="cash", state=state, created_at=NOON, ask_again_at=NOON
    )
    return guests.pk


def make_failed(order: Order, **fields: Any) -> None:
    Payment.objects.filter(order=order).update(status=PaymentStatus.DECLINED, **fields)


def resend(queue: RecordingQueue) -> list[tuple[Message, str]]:
    queue.sent.clear()
    with transaction.atomic():
        count = resend_order_messages(now=NOON)
    assert count == len(queue.sent)
    return sorted((message, subject) for message, body in queue.sent for subject in body.values())


def test_a_message_is_sent_again_for_each_row_that_waits_and_for_no_other_one(
    queue: RecordingQueue,
):
    pending, undoing, undone, declined = (make_processing_order() for _ in range(4))
    kind = pending.items.get().ticket_type
    make_failed(undoing, undo_at=NOON)
    make_failed(undone, undo_at=NOON, undone_at=NOON)
    make_failed(declined)
    owed, paid_back = (make_paid_order(ticket_type=kind) for _ in range(2))
    add_refund(owed)
    add_refund(paid_back, refunded_at=NOON)
    asked, returning, returned, unconfirmed, sent, refused, confirmed = (
        make_reserved_order(ticket_type=kind) for _ in range(7)
    )
    money: dict[str, Any] = {"arrived_at": NOON, "received": Decimal(1)}
    add_pix(asked)
    add_pix(returning, state=PixState.RETURNING, **money)
    add_pix(returned, state=PixState.RETURNED, **money)
    add_confirmation(unconfirmed)
    add_confirmation(sent, sent_at=NOON)
    add_confirmation(refused, failed_at=NOON)
    add_confirmation(confirmed, confirmed_at=NOON)
    add_guest_list(pending, GuestListState.CHECKED)
    selling = add_guest_list(pending, GuestListState.SELLING)
    Payment.objects.update(ask_again_at=NOON)
    expected = [
        (Message.SETTLE_ORDER, str(pending.pk)),
        (Message.SETTLE_ORDER, str(undoing.pk)),
        (Message.RETURN_MONEY, str(owed.pk)),
        (Message.SETTLE_PIX, str(asked.pk)),
        (Message.SETTLE_PIX, str(returning.pk)),
        (Message.SEND_CONFIRMATION, str(unconfirmed.pk)),
        (Message.SELL_GUEST_LIST, str(selling)),
    ]

    assert resend(queue) == sorted(expected)
    # Each row is put off.
    assert resend(queue) == []


def test_the_messages_of_one_order_are_sent_at_once_and_the_sweep_waits_anew(
    queue: RecordingQueue,
):
    order, other = make_paid_order(), make_paid_order()
    for each in (order, other):
        # Two rows with one message.
        add_refund(each)
        add_refund(each)
        add_pix(each)
    Refund.objects.update(asks=3)
    queue.sent.clear()
    now = clock.now()

    assert waiting_messages_of(order.pk) == {Message.RETURN_MONEY, Message.SETTLE_PIX}
    with transaction.atomic():
        count = resend_messages_of(order_id=order.pk, now=now)

    assert count == len(queue.sent)
    body = {"order_id": str(order.pk)}
    expected = [(Message.RETURN_MONEY, body), (Message.SETTLE_PIX, body)]
    assert sorted(queue.sent) == sorted(expected)
    own, others = (Refund.objects.filter(payment__order=each) for each in (order, other))
    assert set(own.values_list("asks", "ask_again_at")) == {(0, next_retry_at(0, now=now))}
    assert set(others.values_list("asks", "ask_again_at")) == {(3, NOON)}


def test_an_order_without_waiting_rows_waits_for_no_message(queue: RecordingQueue):
    add_pix(make_reserved_order())
    order = make_paid_order()
    queue.sent.clear()

    assert waiting_messages_of(order.pk) == set()
    with transaction.atomic():
        assert resend_messages_of(order_id=order.pk, now=clock.now() + timedelta(days=1)) == 0
    assert queue.sent == []
