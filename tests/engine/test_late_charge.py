"""A charge that lands after its payment has failed always finds a row that gives it back."""

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


def die_in_a_charge_that_crosses(order: Order, *, others: Callable[[], None]) -> None:
    """Begin a charge, let others act before it lands, and die before anything is written."""
    began = False

    def strike(moment: str) -> None:
        nonlocal began
        if moment == BEFORE and not began:
            began = True
            others()
        elif moment == AFTER:
            raise Crash

    with watched(CHARGE, at=strike), pytest.raises(Crash):
        settle(order)


def cancel_and_fail(order: Order) -> None:
    cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())
    settle(order)


def money_is_kept(order: Order) -> bool:
    charged = SimulatedCharge.objects.filter(payment_id=order.payment.pk, charged_at__isnull=False)
    return charged.filter(refunded_at=None).exists()


def test_a_charge_that_lands_after_the_failure_and_its_worker_goes_back(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()
    die_in_a_charge_that_crosses(order, others=lambda: cancel_and_fail(order))
    # Every message is lost: only rows ask.
    queue.sent.clear()
    assert Order.objects.get().status == OrderStatus.PAYMENT_FAILED
    assert money_is_kept(order)

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not money_is_kept(order)
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
def test_the_worker_that_fails_the_payment_may_die_too(
    moment: str, step: str, redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()

    def fail_and_die() -> None:
        cancel_event(event_id=order.event_id, actor=SOMEBODY, now=clock.now())
        with crash(moment, step):
            settle(order)

    die_in_a_charge_that_crosses(order, others=fail_and_die)
    queue.sent.clear()

    for _ in range(4):
        let_pass(redis, order.event_id, 2 * LATEST_CHARGE)
        sweep(queue)

    assert not money_is_kept(order)
    check_whole(order.event_id)


def test_a_worker_that_loses_the_order_after_its_charge_and_dies_owes_the_money(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()
    moments = iter([lambda: cancel_and_fail(order)])

    def strike(moment: str) -> None:
        if moment == BEFORE:
            next(moments)()
        else:
            raise Crash

    with watched("tickets.settlement:_write_sale", at=strike), pytest.raises(Crash):
        settle(order)
    queue.sent.clear()

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not money_is_kept(order)


def test_an_undo_while_a_charge_may_still_follow_is_not_the_last(
    redis: Redis, queue: RecordingQueue
):
    order = make_processing_order()

    def fail_and_undo_twice() -> None:
        cancel_and_fail(order)
        settle(order)

    die_in_a_charge_that_crosses(order, others=fail_and_undo_twice)
    queue.sent.clear()
    assert Payment.objects.get().undone_at is None

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not money_is_kept(order)
    assert Payment.objects.get().undone_at is not None


def test_a_gateway_that_is_away_is_asked_again_until_it_has_undone(
    redis: Redis, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order = make_processing_order()
    die_in_a_charge_that_crosses(order, others=lambda: cancel_and_fail(order))
    queue.sent.clear()
    let_pass(redis, order.event_id, LATEST_CHARGE)

    def is_away(*_: object, **__: object) -> None:
        raise GatewayAway("No answer.")

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedGateway, "refund", is_away)
        with suppress(GatewayAway):
            sweep(queue)
    assert money_is_kept(order)
    assert Payment.objects.get().undone_at is None
    queue.sent.clear()

    let_pass(redis, order.event_id, timedelta(hours=1))
    sweep(queue)

    assert not money_is_kept(order)


def test_a_charge_without_an_answer_that_lands_late_goes_back(redis: Redis, queue: RecordingQueue):
    order = make_processing_order(token="tok_unstable")
    for _ in range(2):
        with pytest.raises(GatewayAway):
            settle(order)
    die_in_a_charge_that_crosses(order, others=lambda: cancel_and_fail(order))
    queue.sent.clear()

    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)

    assert not money_is_kept(order)


def test_what_was_undone_is_asked_for_no_more(redis: Redis, queue: RecordingQueue):
    order = make_processing_order(token="tok_declined")
    settle(order)
    let_pass(redis, order.event_id, LATEST_CHARGE)
    sweep(queue)
    queue.sent.clear()

    let_pass(redis, order.event_id, timedelta(hours=2))
    sweep(queue)

    assert queue.sent == []
    assert SimulatedCharge.objects.get().charged_at is None


def test_a_free_order_that_failed_has_nothing_to_undo():
    order = make_processing_order(ticket_type=make_ticket_type(price="0.00"))

    cancel_and_fail(order)

    assert Payment.objects.get().undo_at is None
