"""Refunds of some tickets and of all, and what becomes of the money and the places."""

from decimal import Decimal
from typing import Any

import pytest
from celery import current_app

from events.catalogue import left_by_type
from events.stock.holds import InventoryUnavailable, read_stocks
from events.stock.rebuild import rebuild_stock, sell_again
from events.stock.record import begin_epoch, current_epoch
from events.stock.staging import publish_stock
from orders.models import Order, Payment, Refund
from orders.refunds import return_money
from orders.simulated_charges import SimulatedCharge, SimulatedRefund
from tests.engine.world import check_record
from tests.make import SOMEBODY, make_event, make_paid_order, make_reserved_order, make_ticket_type
from tests.queue import RecordingQueue
from tests.race import race
from tests.worker import fetch, obey, pretended_queues
from ticketing import clock
from ticketing.queue.messages import QUEUES, Message
from tickets.models import Ticket
from tickets.refund import (
    OrderNotRefundable,
    TicketNotOfOrder,
    refund_order,
    refund_tickets,
)
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

REFUNDS = {Message.REFUND_ORDER, Message.RETURN_MONEY, Message.WIND_UP_EVENT}


def tickets_of(order: Order) -> list[Ticket]:
    return list(Ticket.objects.of_order(order.pk))


def given_back() -> Decimal:
    return sum((row.amount for row in SimulatedRefund.objects.all()), Decimal(0))


def test_a_ticket_is_refunded_once_however_often_it_is_asked_for():
    kind = make_ticket_type(capacity=5, price="45.00")
    order = make_paid_order(ticket_type=kind, quantity=3)
    first = tickets_of(order)[0]

    for _ in range(2):
        refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[first.pk], now=clock.now())
        return_money(order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    kind.refresh_from_db()
    assert [t.status for t in tickets_of(order)] == ["revoked", "valid", "valid"]
    assert (order.status, order.refunded, given_back()) == ("paid", Decimal(45), Decimal(45))
    assert (kind.sold, kind.promised, left_by_type([kind.event_id])[kind.pk]) == (2, 2, 3)
    check_record(kind.event_id)


def test_with_its_last_ticket_the_order_is_refunded_and_all_the_money_is_back():
    order = make_paid_order(quantity=2)
    first, second = tickets_of(order)

    refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[first.pk], now=clock.now())
    refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[second.pk], now=clock.now())
    return_money(order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    assert (order.status, given_back()) == ("refunded", order.total)
    assert Payment.objects.get().status == "refunded"
    assert SimulatedCharge.objects.get().refunded_at is not None
    check_record(order.event_id)


def test_a_refund_in_full_after_one_in_part_owes_the_rest():
    order = make_paid_order(ticket_type=make_ticket_type(price="10.01"), quantity=3)

    refund_tickets(
        actor=SOMEBODY, order_id=order.pk, ticket_ids=[tickets_of(order)[0].pk], now=clock.now()
    )
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    amounts = list(Refund.objects.order_by("created_at").values_list("amount", flat=True))
    assert amounts == [Decimal("10.01"), Decimal("20.02")]


def test_each_ticket_is_refunded_by_its_own_price():
    event = make_event(price="45.00")
    dear = make_ticket_type(event=event, name="Camarote", price="200.00")
    order = make_paid_order(ticket_type=dear, quantity=2)

    refund_tickets(
        actor=SOMEBODY, order_id=order.pk, ticket_ids=[tickets_of(order)[0].pk], now=clock.now()
    )

    assert Refund.objects.get().amount == Decimal(200)


def test_another_orders_ticket_is_refused_and_nothing_is_refunded():
    order, another = make_paid_order(), make_paid_order()

    with pytest.raises(TicketNotOfOrder):
        refund_tickets(
            actor=SOMEBODY,
            order_id=order.pk,
            ticket_ids=[tickets_of(order)[0].pk, tickets_of(another)[0].pk],
            now=clock.now(),
        )

    assert not Refund.objects.exists()
    assert tickets_of(order)[0].status == "valid"


def test_what_is_not_paid_is_not_refunded():
    order = make_reserved_order()

    with pytest.raises(OrderNotRefundable):
        refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[], now=clock.now())


def test_money_owed_is_asked_for_again(queue: RecordingQueue):
    order = make_paid_order(quantity=2)
    refund_tickets(
        actor=SOMEBODY, order_id=order.pk, ticket_ids=[tickets_of(order)[0].pk], now=clock.now()
    )
    queue.sent.clear()
    Refund.objects.update(ask_again_at=clock.now())

    retry_waiting_work(now=clock.now())
    assert Message.RETURN_MONEY in queue.run_all()
    assert Refund.objects.get().refunded_at is not None


@pytest.mark.slow
def test_refunds_of_the_same_tickets_at_once_give_the_money_back_once():
    order = make_paid_order(quantity=4)
    ids = [ticket.pk for ticket in tickets_of(order)]

    race(
        *[
            lambda chosen=chosen: refund_tickets(
                actor=SOMEBODY, order_id=order.pk, ticket_ids=chosen, now=clock.now()
            )
            for chosen in (ids[:2], ids[1:3], ids[2:], ids[:1])
        ]
    )
    return_money(order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    assert (order.status, given_back()) == ("refunded", order.total)
    check_record(order.event_id)


def test_a_refund_during_a_sale_does_not_make_buyers_wait():
    """A new epoch would refuse the orders under way, and read all holds again."""
    kind = make_ticket_type(capacity=5)
    order = make_paid_order(ticket_type=kind, quantity=3)
    epoch = current_epoch(kind.event_id)

    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    assert current_epoch(kind.event_id) == epoch
    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 5}


def test_a_refund_while_the_stock_is_being_read_is_not_lost():
    kind = make_ticket_type(capacity=5)
    order = make_paid_order(ticket_type=kind, quantity=3)
    without_it = begin_epoch(event_id=kind.event_id)
    assert without_it is not None

    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())
    publish_stock(event_id=kind.event_id, stock=without_it)

    assert left_by_type([kind.event_id]) == {kind.pk: 5}
    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 5}


def test_a_refund_that_redis_could_not_be_told_of_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    order = make_paid_order()

    def away(**_: object) -> bool:
        raise InventoryUnavailable("Redis is away.")

    monkeypatch.setattr("events.stock.rebuild.free_tickets", away)
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    assert order.status == "refunded"
    assert f"Returned tickets of event {order.event_id} were not put on sale" in caplog.text


def test_a_refund_counts_once_if_the_stock_is_read_before_redis_is_told(monkeypatch):
    kind = make_ticket_type(capacity=5)
    order = make_paid_order(ticket_type=kind, quantity=3)

    def read_first(**told: Any) -> None:
        rebuild_stock(event_id=kind.event_id)
        sell_again(**told)

    monkeypatch.setattr("tickets.refund.sell_again", read_first)
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 5}


def test_refunds_travel_apart_from_payments():
    assert {message for message, queue in QUEUES.items() if queue == "refunds"} == REFUNDS


def test_a_refund_that_the_release_before_put_into_the_sale_queue_is_done():
    order = make_paid_order(quantity=2)

    with pretended_queues():
        for message in (Message.REFUND_ORDER, Message.RETURN_MONEY):
            current_app.send_task(message.value, kwargs={"order_id": str(order.pk)}, queue="sale")
            obey(fetch("sale"))

    order.refresh_from_db()
    assert (order.status, given_back()) == ("refunded", order.total)
