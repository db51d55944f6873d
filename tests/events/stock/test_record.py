"""The record of the stock in PostgreSQL: counting tickets, epochs, and what a rebuild reads."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from events.models import Event, TicketType
from events.stock.record import (
    PROCESSING_HOLD_MILLISECONDS,
    SoldOut,
    Stock,
    begin_epoch,
    database_now,
    held_by_type,
    latest_end_by_type,
    milliseconds_until,
    promise_tickets,
    recorded_left_by_event,
    return_promised,
    return_sold,
    sell_tickets,
)
from orders.models import Order
from tests.make import (
    make_event,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.database.locks import Lock

pytestmark = pytest.mark.django_db(transaction=True)

LOCK_IS_HELD = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted
AND mode = 'ExclusiveLock' AND classid = %s AND objid = %s
"""


def begin(event_id: UUID, *, seen: int | None = None) -> Stock:
    stock = begin_epoch(event_id=event_id, seen=seen)
    assert stock is not None
    return stock


def counted(kind: TicketType) -> tuple[int, int]:
    return TicketType.objects.values_list("promised", "sold").get(pk=kind.pk)


def test_tickets_are_promised_up_to_the_capacity_and_not_one_more():
    kind = make_ticket_type(capacity=5)
    promise_tickets({kind.pk: 3})
    promise_tickets({kind.pk: 2})

    with pytest.raises(SoldOut, match="Fewer than 1 tickets are left"):
        promise_tickets({kind.pk: 1})

    assert counted(kind) == (5, 0)


def test_promised_sold_and_returned_tickets_are_counted_for_their_type_alone():
    kind, other = make_ticket_type(capacity=9), make_ticket_type(capacity=9)
    promise_tickets({kind.pk: 6, other.pk: 1})
    return_promised({kind.pk: 1})
    sell_tickets({kind.pk: 5})
    assert (counted(kind), counted(other)) == ((5, 5), (1, 0))

    return_sold({kind.pk: 2})

    assert (counted(kind), counted(other)) == ((3, 3), (1, 0))


def test_only_reserved_orders_of_the_events_hold_tickets():
    kind = make_ticket_type(capacity=20)
    make_reserved_order(ticket_type=kind, quantity=2)
    make_reserved_order(ticket_type=kind, quantity=3)
    make_processing_order(ticket_type=kind, quantity=4)
    elsewhere = make_ticket_type()
    make_reserved_order(ticket_type=elsewhere)

    assert held_by_type([kind.event_id]) == {kind.pk: 5}
    assert recorded_left_by_event([kind.event_id]) == {kind.event_id: {kind.pk: 11}}


def test_the_last_end_is_that_of_the_reserved_orders_of_the_event():
    kind = make_ticket_type(capacity=20)
    end = clock.now() + timedelta(minutes=9)
    for minutes in (0, -1):
        order = make_reserved_order(ticket_type=kind)
        moved = end + timedelta(minutes=minutes)
        Order.objects.filter(pk=order.pk).update(reserved_until=moved)
    paying = make_processing_order(ticket_type=kind)
    Order.objects.filter(pk=paying.pk).update(reserved_until=end + timedelta(minutes=1))
    make_reserved_order(ticket_type=make_ticket_type())

    assert latest_end_by_type(kind.event_id) == {kind.pk: end}


def test_a_new_epoch_is_the_next_one_and_comes_with_the_revision():
    event = Event.objects.get(pk=make_event().pk)

    stock = begin(event.pk)

    row = Event.objects.get(pk=event.pk)
    assert (stock.epoch, row.epoch) == (event.epoch + 1, event.epoch + 1)
    assert stock.revision == row.revision


def test_an_epoch_begins_only_if_nobody_has_begun_a_newer_one_than_was_seen():
    event = Event.objects.get(pk=make_event().pk)

    assert begin_epoch(event_id=event.pk, seen=event.epoch) is not None
    assert begin_epoch(event_id=event.pk, seen=event.epoch) is None
    assert Event.objects.get(pk=event.pk).epoch == event.epoch + 1


def test_a_new_epoch_waits_for_the_sales_that_have_begun(monkeypatch: pytest.MonkeyPatch):
    event = Event.objects.get(pk=make_event().pk)
    held = []

    def count_locks(_event: Event) -> None:
        with connection.cursor() as cursor:
            cursor.execute(LOCK_IS_HELD, [Lock.EVENT, event.number])
            held.append(cursor.fetchone()[0])

    monkeypatch.setattr("events.stock.record._read_stock", count_locks)

    begin_epoch(event_id=event.pk)

    assert held == [1]


def test_a_new_epoch_has_the_tickets_left_and_the_open_holds_of_its_event():
    kind = make_ticket_type(capacity=20)
    other = make_ticket_type(event=kind.event, capacity=7, name="Camarote")
    reserved = make_reserved_order(ticket_type=kind, quantity=2)
    processing = make_processing_order(ticket_type=kind, quantity=3)
    make_paid_order(ticket_type=kind)
    make_reserved_order()
    before = database_now()

    stock = begin(kind.event_id)

    assert {each.ticket_type_id: each.left for each in stock.types} == {kind.pk: 14, other.pk: 7}
    assert {each.ticket_type_id: each.capacity for each in stock.types} == {
        kind.pk: 20,
        other.pk: 7,
    }
    assert {order: hold.quantities for order, hold in stock.holds.items()} == {
        reserved.pk: {kind.pk: 2},
        processing.pk: {kind.pk: 3},
    }
    rest = (Order.objects.get(pk=reserved.pk).reserved_until - before).total_seconds() * 1000
    assert rest - 60_000 < stock.holds[reserved.pk].milliseconds <= rest + 1
    assert stock.holds[processing.pk].milliseconds == PROCESSING_HOLD_MILLISECONDS


def test_the_time_that_is_left_is_rounded_up_and_never_negative():
    now = clock.now()

    assert milliseconds_until(now + timedelta(seconds=2), now=now) == 2001
    assert milliseconds_until(now, now=now) == 1
    assert milliseconds_until(now - timedelta(seconds=2), now=now) == 0


def test_the_clock_of_the_database_is_not_that_of_the_transaction():
    with transaction.atomic():
        assert database_now() < database_now()
