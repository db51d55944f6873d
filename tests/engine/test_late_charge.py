"""A charge that happens after its payment has failed is always refunded, also after crashes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from redis import Redis

from events.organizing import cancel_event
from orders.gateway import GatewayAway, SimulatedGateway
from orders.models import Order, OrderStatus, Payment
from orders.payment import LATEST_CHARGE
from orders.simulated_charges import SimulatedCharge
from tests.crash import AFTER, BEFORE, Crash, crash, watched
from tests.engine.world import check_whole, let_pass, sweep
from tests.make import SOMEBODY, make_processing_order, make_ticket_type
from tests.queue import RecordingQueue
from ticketing import clock
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

CHARGE = "tickets.settlement:charge"


def settle(order: Order) -> None:
    settle_order(order_id=order.pk, now=clock.now())


def charge_late_and_die(order: Order, *, meanwhile: Callable[[], None]) -> None:
    """Settle an order, run `meanwhile` just before the charge, and die just after the charge."""
    began = False

    def interfere(moment: str) -> None:
        nonlocal began
        if moment == BEFORE and not began:
            began = True
            meanwhile()
        elif moment == AFTER:
            raise Crash

    with watched(CHARGE, at=interfere), pytest.raises(Crash):
        settle(order)


def cancel_the_event_and_settle(order: Order) -> None:
    """Cancel the event, so that settling the order fails its payment."""
    cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())
    settle(order)


def is_charged(order: Order) -> bool:
    """Return whether the gateway has charged the order and not refunded it."""
    charged = SimulatedCharge.objects.filter(payment_id=order.payment.pk, charged_at__isnull=False)
    return charged.filter(refunded_at=None).exists()


def test_a_charge_after_the_failure_by_a_worker_that_dies_is_refunded(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()
    charge_late_and_die(order, meanwhile=lambda: cancel_the_event_and_settle(order))
    # All messages are lost: only the sweep can find the payment.
    queue.sent.clear()
    assert Order.objects.get().status == OrderStatus.PAYMENT_FAILED
    assert is_charged(order)

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not is_charged(order)
    check_whole(order.event_id)


@pytest.mark.parametrize(
    ("moment", "step"),
    [
        (BEFORE, "tickets.settlement:undo_charge"),
        (AFTER, "tickets.settlement:undo_charge"),
        (BEFORE, "tickets.settlement:fail_payment"),
        (AFTER, "tickets.settlement:fail_payment"),
    ],
)
def test_a_late_charge_is_refunded_if_the_worker_that_failed_the_payment_dies_too(
    moment: str, step: str, redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()

    def fail_and_die() -> None:
        cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())
        with crash(moment, step):
            settle(order)

    charge_late_and_die(order, meanwhile=fail_and_die)
    queue.sent.clear()

    for _ in range(4):
        let_pass(redis, order.event_id, 2 * LATEST_CHARGE)
        sweep(queue)

    assert not is_charged(order)
    check_whole(order.event_id)


def test_a_charge_is_refunded_if_the_order_fails_before_the_sale_is_written_and_the_worker_dies(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()

    def interfere(moment: str) -> None:
        if moment == BEFORE:
            cancel_the_event_and_settle(order)
        else:
            raise Crash

    with watched("tickets.settlement:_write_sale", at=interfere), pytest.raises(Crash):
        settle(order)
    queue.sent.clear()

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not is_charged(order)


def test_a_payment_is_undone_once_more_after_an_undo_that_came_before_a_late_charge(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()

    def fail_and_undo_twice() -> None:
        cancel_the_event_and_settle(order)
        settle(order)

    charge_late_and_die(order, meanwhile=fail_and_undo_twice)
    queue.sent.clear()
    assert Payment.objects.get().undone_at is None

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not is_charged(order)
    assert Payment.objects.get().undone_at is not None


def test_the_undo_is_retried_until_the_gateway_has_responded(
    redis: Redis, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = make_processing_order()
    charge_late_and_die(order, meanwhile=lambda: cancel_the_event_and_settle(order))
    queue.sent.clear()
    let_pass(redis, order.event_id, LATEST_CHARGE)

    def is_away(*_: object, **__: object) -> None:
        raise GatewayAway("No answer.")

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedGateway, "refund", is_away)
        with suppress(GatewayAway):
            sweep(queue)
    assert is_charged(order)
    assert Payment.objects.get().undone_at is None
    queue.sent.clear()

    let_pass(redis, order.event_id, timedelta(hours=1))
    sweep(queue)

    assert not is_charged(order)


def test_a_late_charge_after_calls_without_a_response_is_refunded(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order(token="tok_unstable")
    for _ in range(2):
        with pytest.raises(GatewayAway):
            settle(order)
    charge_late_and_die(order, meanwhile=lambda: cancel_the_event_and_settle(order))
    queue.sent.clear()

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not is_charged(order)


def test_no_message_is_sent_for_a_payment_that_was_undone_for_the_last_time(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order(token="tok_declined")
    settle(order)
    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)
    queue.sent.clear()

    let_pass(redis, order.event_id, timedelta(hours=2))
    sweep(queue)

    assert queue.sent == []
    assert SimulatedCharge.objects.get().charged_at is None


def test_a_failed_free_order_has_nothing_to_undo():
    order = make_processing_order(ticket_type=make_ticket_type(price="0.00"))

    cancel_the_event_and_settle(order)

    assert Payment.objects.get().undo_at is None
