"""Refunds of some or all tickets of an order: the money, the places and the stock."""

from decimal import Decimal
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction

from events.catalogue import left_by_type
from events.models import Event, EventStatus
from events.stock.holds import InventoryUnavailable, read_stocks
from events.stock.rebuild import rebuild_stock, sell_again
from events.stock.record import begin_epoch, current_epoch
from events.stock.staging import publish_stock
from orders.models import Order, Payment, Refund
from orders.refunds import record_partial_refund, return_money
from orders.simulated_charges import SimulatedCharge, SimulatedRefund
from tests.engine.world import check_record
from tests.make import SOMEBODY, make_event, make_paid_order, make_reserved_order, make_ticket_type
from tests.queue import RecordingQueue
from tests.race import race
from tests.worker import fetch, obey, pretended_queues
from ticketing import clock
from ticketing.models import Act, ActType
from ticketing.queue.messages import QUEUES, Message
from tickets.models import Ticket
from tickets.refund import (
    OrderNotRefundable,
    TicketNotOfOrder,
    refund_order,
    refund_tickets,
    sum_of_refund,
)
from tickets.replacement import revoke_ticket
from tickets.sweep import retry_waiting_work

pytestmark = pytest.mark.django_db(transaction=True)

REFUNDS = {
    Message.REFUND_ORDER,
    Message.RETURN_MONEY,
    Message.FINISH_EVENT_CANCELLATION,
    # Work that may wait as long as refunds, and must not delay payments.
    Message.WRITE_EXPORT,
}


def tickets_of(order: Order) -> list[Ticket]:
    return list(Ticket.objects.of_order(order.pk))


def money_returned() -> Decimal:
    return sum((row.amount for row in SimulatedRefund.objects.all()), Decimal(0))


def test_a_repeated_refund_of_a_ticket_returns_its_money_once():
    kind = make_ticket_type(capacity=5, price="45.00")
    order = make_paid_order(ticket_type=kind, quantity=3)
    first = tickets_of(order)[0]

    for _ in range(2):
        refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[first.pk], now=clock.now())
        return_money(order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    kind.refresh_from_db()
    assert [t.status for t in tickets_of(order)] == ["revoked", "valid", "valid"]
    assert (order.status, order.refunded, money_returned()) == ("paid", Decimal(45), Decimal(45))
    assert (kind.sold, kind.promised, left_by_type([kind.event_id])[kind.pk]) == (2, 2, 3)
    check_record(kind.event_id)


def test_the_refund_of_its_last_ticket_makes_the_order_refunded_and_returns_all_money():
    order = make_paid_order(quantity=2)
    first, second = tickets_of(order)

    refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[first.pk], now=clock.now())
    refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[second.pk], now=clock.now())
    return_money(order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    assert (order.status, money_returned()) == ("refunded", order.total)
    assert Payment.objects.get().status == "refunded"
    assert SimulatedCharge.objects.get().refunded_at is not None
    check_record(order.event_id)


def test_a_full_refund_after_a_partial_one_owes_the_rest():
    order = make_paid_order(ticket_type=make_ticket_type(price="10.01"), quantity=3)

    refund_tickets(
        actor=SOMEBODY, order_id=order.pk, ticket_ids=[tickets_of(order)[0].pk], now=clock.now()
    )
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    amounts = list(Refund.objects.order_by("created_at").values_list("amount", flat=True))
    assert amounts == [Decimal("10.01"), Decimal("20.02")]


def test_the_last_ticket_owes_no_more_than_the_rest_of_the_payment():
    order = make_paid_order(quantity=2)
    ids = [ticket.pk for ticket in tickets_of(order)]
    with transaction.atomic():
        record_partial_refund(order_id=order.pk, amount=Decimal(5), now=clock.now())

    assert sum_of_refund(order_id=order.pk, ticket_ids=ids[:1]) == Decimal(45)
    assert sum_of_refund(order_id=order.pk, ticket_ids=ids) == Decimal(85)


def test_a_ticket_is_refunded_at_the_price_of_its_type():
    event = make_event(price="45.00")
    expensive = make_ticket_type(event=event, name="Camarote", price="200.00")
    order = make_paid_order(ticket_type=expensive, quantity=2)

    refund_tickets(
        actor=SOMEBODY, order_id=order.pk, ticket_ids=[tickets_of(order)[0].pk], now=clock.now()
    )

    assert Refund.objects.get().amount == Decimal(200)
    # Without the cash and the reason that it did not have.
    details = Act.objects.get(type=ActType.ORDER_TICKETS_REFUNDED).details
    assert details.keys() == {"amount", "currency", "tickets"}


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


def test_an_order_that_is_not_paid_is_not_refunded():
    order = make_reserved_order()

    with pytest.raises(OrderNotRefundable):
        refund_tickets(actor=SOMEBODY, order_id=order.pk, ticket_ids=[], now=clock.now())


def test_the_sweep_sends_the_message_of_money_that_is_still_owed(queue: RecordingQueue):
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
def test_refunds_of_the_same_tickets_at_once_return_their_money_once():
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
    assert (order.status, money_returned()) == ("refunded", order.total)
    check_record(order.event_id)


def test_a_refund_during_a_sale_does_not_begin_a_new_epoch():
    """A new epoch would refuse the orders that are being written, and rebuild the stock."""
    kind = make_ticket_type(capacity=5)
    order = make_paid_order(ticket_type=kind, quantity=3)
    epoch = current_epoch(kind.event_id)

    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    assert current_epoch(kind.event_id) == epoch
    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 5}


def test_a_refund_during_a_rebuild_of_the_stock_is_not_lost():
    kind = make_ticket_type(capacity=5)
    order = make_paid_order(ticket_type=kind, quantity=3)
    stock_before = begin_epoch(event_id=kind.event_id)
    assert stock_before is not None

    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())
    publish_stock(event_id=kind.event_id, stock=stock_before)

    assert left_by_type([kind.event_id]) == {kind.pk: 5}
    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 5}


def test_a_refund_whose_places_redis_did_not_get_back_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    order = make_paid_order()

    def fail(**_: object) -> bool:
        raise InventoryUnavailable("Redis is away.")

    monkeypatch.setattr("events.stock.rebuild.free_tickets", fail)
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    assert order.status == "refunded"
    assert f"Returned tickets of event {order.event_id} were not put on sale" in caplog.text


def test_a_refund_counts_once_if_the_stock_is_rebuilt_before_redis_gets_its_places(monkeypatch):
    kind = make_ticket_type(capacity=5)
    order = make_paid_order(ticket_type=kind, quantity=3)

    def rebuild_first(**arguments: Any) -> None:
        rebuild_stock(event_id=kind.event_id)
        sell_again(**arguments)

    monkeypatch.setattr("tickets.refund.sell_again", rebuild_first)
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 5}


def test_refunds_have_a_queue_of_their_own():
    assert {message for message, queue in QUEUES.items() if queue == "refunds"} == REFUNDS


def test_a_refund_that_the_previous_release_sent_to_the_sale_queue_is_done():
    order = make_paid_order(quantity=2)

    with pretended_queues():
        for message in (Message.REFUND_ORDER, Message.RETURN_MONEY):
            current_app.send_task(message.value, kwargs={"order_id": str(order.pk)}, queue="sale")
            obey(fetch("sale"))

    order.refresh_from_db()
    assert (order.status, money_returned()) == ("refunded", order.total)


def test_only_places_that_came_back_to_an_event_on_sale_are_returned_to_redis(
    monkeypatch: pytest.MonkeyPatch,
):
    returned: list[Any] = []
    monkeypatch.setattr("tickets.refund.sell_again", lambda **sold: returned.append(sold))
    order, other = make_paid_order(quantity=2), make_paid_order()
    Event.objects.filter(pk=other.event_id).update(status=EventStatus.CANCELLED)

    for _ in range(2):
        refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    refund_order(order_id=other.pk, actor=SOMEBODY, now=clock.now())

    assert [sum(sold["quantities"].values()) for sold in returned] == [2]


def test_a_refund_shares_the_event_so_that_no_rebuild_reads_half_of_it():
    order = make_paid_order()
    held: list[str] = []

    def look() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND classid = 1"
                " AND objid = %s AND pid = pg_backend_pid()",
                [order.event.number],
            )
            held.extend(mode for (mode,) in cursor.fetchall())

    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now(), store_response=look)

    assert held == ["ShareLock"]


def test_a_refunded_ticket_is_revoked_at_that_moment_and_one_revoked_before_keeps_its_own():
    first, second = Ticket.objects.of_order(make_paid_order(quantity=2).pk)
    earlier, now = clock.now(), clock.now()
    revoke_ticket(ticket_id=first.pk, actor=SOMEBODY, now=earlier)

    refund_order(order_id=first.order_id, actor=SOMEBODY, now=now)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.revoked_at, second.revoked_at) == (earlier, now)
