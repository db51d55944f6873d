"""Expired reservations, overdue holds, and the stock after faults of Redis."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from redis import Redis

from events.catalogue import left_by_type
from events.models import Event, TicketType
from events.stock import record
from events.stock.holds import (
    InventoryUnavailable,
    hold_tickets,
    try_to_apply_decisions,
)
from events.stock.rebuild import rebuild_stock
from events.stock.record import SoldOut
from orders import holding
from orders.cancellation import OrderNotCancellable, cancel_order
from orders.dropped_hold import DroppedHold
from orders.expiry import (
    decide_holds,
    expire_reservations,
    forget_dropped_holds,
    settle_overdue_holds,
    settle_overdue_holds_everywhere,
)
from orders.models import Order, OrderStatus, TicketExchange
from orders.payment import ReservationExpired, confirm_payment
from tests.crash import BEFORE, crash, watched
from tests.make import (
    SOMEBODY,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.database.locks import Lock
from ticketing.ids import new_id
from tickets.refund import refund_order
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def left(kind: TicketType) -> int:
    return left_by_type([kind.event_id])[kind.pk]


def move_past_its_end(order: Order) -> None:
    """Set the end of a reservation to a moment in the past, in PostgreSQL only."""
    now = clock.now()
    Order.objects.filter(pk=order.pk).update(reserved_until=now - timedelta(seconds=1))
    order.refresh_from_db()


def make_due(redis: Redis, event_id: object) -> None:
    """Make every hold of an event overdue in Redis."""
    key = f"{{event:{event_id}}}:due"
    for order in redis.zrange(key, 0, -1):
        redis.zadd(key, {str(order): 1})


def test_an_expired_reservation_releases_its_tickets_once():
    kind = make_ticket_type(capacity=5)
    order = make_reserved_order(ticket_type=kind, quantity=2)
    assert left(kind) == 3
    move_past_its_end(order)

    assert expire_reservations(now=clock.now()) == 1
    assert expire_reservations(now=clock.now()) == 0

    order.refresh_from_db()
    assert (order.status, left(kind)) == (OrderStatus.EXPIRED, 5)


def test_only_a_reservation_past_its_end_expires_and_it_has_the_time_of_its_expiry():
    kind = make_ticket_type()
    in_time, late = (make_reserved_order(ticket_type=kind) for _ in range(2))
    move_past_its_end(late)
    now = clock.now()

    assert expire_reservations(now=now) == 1

    in_time.refresh_from_db()
    late.refresh_from_db()
    assert (in_time.status, in_time.closed_at) == (OrderStatus.RESERVED, None)
    assert (late.status, late.closed_at) == (OrderStatus.EXPIRED, now)


def test_more_overdue_holds_than_fit_in_a_batch_are_settled_in_several_batches(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    kind = make_ticket_type()
    monkeypatch.setattr("orders.expiry.BATCH", 2)
    for _ in range(3):
        move_past_its_end(make_reserved_order(ticket_type=kind))
    make_due(redis, kind.event_id)

    more = [settle_overdue_holds(event_ids=[kind.event_id], now=clock.now()) for _ in range(2)]

    assert (more, left(kind)) == ([True, False], 100)


def test_overdue_holds_are_read_only_for_events_that_are_published_and_not_over(
    monkeypatch: pytest.MonkeyPatch,
):
    selling, cancelled, over, ending = (make_ticket_type().event for _ in range(4))
    now = clock.now()
    Event.objects.filter(pk=cancelled.pk).update(status="cancelled")
    past = now - timedelta(days=2)
    Event.objects.filter(pk=over.pk).update(starts_at=past, ends_at=past + timedelta(hours=1))
    Event.objects.filter(pk=ending.pk).update(starts_at=past, ends_at=now)
    read: list[UUID] = []

    def no_due_holds(*, event_ids: list[UUID], **_: object) -> dict[UUID, list[UUID]]:
        read.extend(event_ids)
        return {}

    monkeypatch.setattr("orders.expiry.due_holds", no_due_holds)
    settle_overdue_holds_everywhere(now=now)

    assert read == [selling.pk]


def test_reservations_expire_while_redis_is_away_and_their_holds_are_released_later(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    kind = make_ticket_type(capacity=5)
    order = make_reserved_order(ticket_type=kind, quantity=2)
    move_past_its_end(order)

    def away(**_: object) -> None:
        raise InventoryUnavailable("away")

    with monkeypatch.context() as cut:
        cut.setattr("events.stock.holds.apply_decisions", away)
        assert expire_reservations(now=clock.now()) == 1
    assert left(kind) == 3
    assert f"Verdicts on holds of event {kind.event_id} were not applied" in caplog.text

    make_due(redis, kind.event_id)
    settle_overdue_holds(event_ids=[kind.event_id], now=clock.now())
    assert left(kind) == 5


def test_overdue_holds_do_not_make_a_buyer_see_sold_out(redis: Redis):
    kind = make_ticket_type(capacity=1)
    move_past_its_end(make_reserved_order(ticket_type=kind))
    make_due(redis, kind.event_id)

    assert make_reserved_order(ticket_type=kind).status == OrderStatus.RESERVED


def test_an_overdue_hold_whose_order_is_in_time_is_kept(redis: Redis):
    kind = make_ticket_type(capacity=1)
    order = make_reserved_order(ticket_type=kind)
    make_due(redis, kind.event_id)

    settle_overdue_holds(event_ids=[kind.event_id], now=clock.now())

    order.refresh_from_db()
    assert (order.status, left(kind)) == (OrderStatus.RESERVED, 0)


def test_a_hold_without_an_order_is_dropped_and_its_order_can_no_longer_be_written(redis: Redis):
    kind = make_ticket_type(capacity=1)
    order_id = new_id()
    hold_tickets(event_id=kind.event_id, order_id=order_id, quantities={kind.pk: 1}, milliseconds=1)
    make_due(redis, kind.event_id)

    settle_overdue_holds(event_ids=[kind.event_id], now=clock.now())

    assert left(kind) == 1
    assert DroppedHold.objects.filter(pk=order_id).exists()


def test_a_hold_without_an_order_is_dropped_only_after_requests_that_may_write_the_order():
    kind, order_id = make_ticket_type(), new_id()
    number = Event.objects.values_list("number", flat=True).get(pk=kind.event_id)
    # This connection holds the event's lock in shared mode, as a request that writes an order does.
    writer = connection.copy()
    try:
        with writer.cursor() as cursor, connection.cursor() as ours:
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", [Lock.EVENT, number])
            ours.execute("SET lock_timeout = '50ms'")
            with pytest.raises(OperationalError, match="lock timeout"):
                decide_holds(event_id=kind.event_id, order_ids=[order_id], now=clock.now())
        assert not DroppedHold.objects.exists()
    finally:
        writer.close()
        connection.close()

    (decision,) = decide_holds(event_id=kind.event_id, order_ids=[order_id], now=clock.now())
    assert (decision.order_id, decision.action) == (order_id, "release")


def test_the_hold_of_an_exchange_is_settled_and_those_beside_it_follow_their_orders():
    order, exchange_id, unknown = make_reserved_order(), new_id(), new_id()
    item = order.items.get()
    other = make_ticket_type(event=order.event, name="VIP")
    TicketExchange.objects.create(
        pk=exchange_id,
        order=order,
        order_item=item,
        position=1,
        from_type=item.ticket_type,
        to_type=other,
        price_before=item.unit_price,
        price_after=item.unit_price,
        at=clock.now(),
    )

    decided = decide_holds(
        event_id=order.event_id, order_ids=[order.pk, exchange_id, unknown], now=clock.now()
    )

    assert {(each.order_id, each.action) for each in decided} == {
        (order.pk, "retime"),
        (exchange_id, "settle"),
        (unknown, "release"),
    }
    assert [each.pk for each in DroppedHold.objects.all()] == [unknown]


def test_the_ids_of_dropped_holds_are_deleted_after_a_day():
    now = clock.now()
    ages = [timedelta(days=1, seconds=1), timedelta(days=1), timedelta(0)]
    for age in ages:
        DroppedHold.objects.create(order_id=new_id(), dropped_at=now - age)

    forget_dropped_holds(now=now)

    dropped = DroppedHold.objects.order_by("dropped_at").values_list("dropped_at", flat=True)
    assert list(dropped) == [now - age for age in ages[1:]]


def test_an_order_whose_hold_was_dropped_before_it_was_written_holds_its_tickets_again(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    """The web process pauses between the hold and the order, and meanwhile its hold is dropped."""
    kind = make_ticket_type(capacity=1)
    write = holding.write_reservation  # type: ignore[attr-defined]
    dropped: list[UUID] = []

    def drop_the_first_hold_then_write(order, **arguments):
        if not dropped:
            dropped.append(order.order_id)
            event_id = order.event.pk
            decisions = decide_holds(event_id=event_id, order_ids=dropped, now=clock.now())
            try_to_apply_decisions(event_id=event_id, decisions=decisions)
        return write(order, **arguments)

    monkeypatch.setattr(holding, "write_reservation", drop_the_first_hold_then_write)

    order = make_reserved_order(ticket_type=kind)

    assert order.pk not in dropped
    assert left(kind) == 0


def test_no_order_is_written_for_a_hold_that_redis_lost_before_a_rebuild(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    """The stock is rebuilt in a new epoch between the hold and the order."""
    kind = make_ticket_type(capacity=1)
    write = holding.write_reservation  # type: ignore[attr-defined]
    lost: list[bool] = []

    def lose_the_first_hold_then_write(order, **arguments):
        if not lost:
            lost.append(True)
            redis.flushdb()
            rebuild_stock(event_id=order.event.pk)
        return write(order, **arguments)

    monkeypatch.setattr(holding, "write_reservation", lose_the_first_hold_then_write)

    order = make_reserved_order(ticket_type=kind)

    order.refresh_from_db()
    assert order.epoch == Event.objects.get(pk=kind.event_id).epoch
    assert left(kind) == 0


@pytest.mark.parametrize("loss", ["flushall", "script_flush"])
def test_the_next_reservation_rebuilds_a_redis_that_lost_its_data_or_scripts(
    redis: Redis, loss: str
):
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind, quantity=2)
    make_processing_order(ticket_type=kind, quantity=3)
    getattr(redis, loss)()
    if loss == "flushall":
        redis.script_flush()

    make_reserved_order(ticket_type=kind)

    assert left(kind) == 10 - 2 - 3 - 1


def test_a_stock_that_redis_restored_from_a_snapshot_is_not_used(redis: Redis):
    """A restart from a snapshot restores old figures, but no scripts."""
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)
    key = f"{{event:{kind.event_id}}}:left"
    old: Any = redis.hgetall(key)
    make_reserved_order(ticket_type=kind, quantity=9)
    redis.hset(key, mapping=old)
    redis.script_flush()

    with pytest.raises(SoldOut):
        make_reserved_order(ticket_type=kind)


def test_a_payment_after_the_end_of_the_reservation_is_refused_and_releases_the_tickets():
    kind = make_ticket_type(capacity=1)
    order = make_reserved_order(ticket_type=kind)
    move_past_its_end(order)

    with pytest.raises(ReservationExpired):
        confirm_payment(order=order, method="card", token="tok_approved", now=clock.now())

    order.refresh_from_db()
    assert (order.status, left(kind)) == (OrderStatus.EXPIRED, 1)
    assert TicketType.objects.get(pk=kind.pk).promised == 0


def test_a_declined_payment_releases_its_tickets_once():
    kind = make_ticket_type(capacity=3)
    order = make_processing_order(ticket_type=kind, quantity=2, token="tok_declined")

    settle_order(order_id=order.pk, now=clock.now())
    settle_order(order_id=order.pk, now=clock.now())

    order.refresh_from_db()
    assert order.status == OrderStatus.PAYMENT_FAILED
    assert (left(kind), TicketType.objects.get(pk=kind.pk).promised) == (3, 0)


def test_the_hold_of_a_paid_order_is_removed_and_its_tickets_stay_sold(redis: Redis):
    kind = make_ticket_type(capacity=3)
    make_paid_order(ticket_type=kind, quantity=2)

    assert redis.hlen(f"{{event:{kind.event_id}}}:holds") == 0
    assert left(kind) == 1


def test_cancelling_twice_releases_the_tickets_once():
    kind = make_ticket_type(capacity=3)
    order = make_reserved_order(ticket_type=kind, quantity=2)

    cancel_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())
    cancel_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    assert left(kind) == 3


def test_an_order_that_is_being_paid_for_cannot_be_cancelled():
    order = make_processing_order()

    with pytest.raises(OrderNotCancellable):
        cancel_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())


def test_a_refund_revokes_the_tickets_and_puts_the_places_back_on_sale_once():
    kind = make_ticket_type(capacity=3)
    order = make_paid_order(ticket_type=kind, quantity=2)

    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())
    refund_order(actor=SOMEBODY, order_id=order.pk, now=clock.now())

    kind.refresh_from_db()
    assert (kind.sold, kind.promised, left(kind)) == (0, 0, 3)
    assert set(order.tickets.values_list("status", flat=True)) == {"revoked"}


def test_events_and_orders_use_the_same_values_for_the_statuses_that_hold_stock():
    assert (record.RESERVED, record.PROCESSING) == (
        OrderStatus.RESERVED,
        OrderStatus.PROCESSING,
    )


def test_a_crash_while_holds_are_decided_expires_nothing():
    order = make_reserved_order()
    move_past_its_end(order)

    with crash(BEFORE, "orders.expiry:_decide_by_status"):
        decide_holds(event_id=order.event_id, order_ids=[order.pk], now=clock.now())

    order.refresh_from_db()
    assert order.status == OrderStatus.RESERVED


def test_a_hold_is_dropped_while_the_event_is_locked_against_new_orders():
    kind = make_ticket_type()
    modes: list[str] = []

    def look(_moment: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                " AND objid = %s AND pid = pg_backend_pid()",
                [Lock.EVENT, kind.event.number],
            )
            modes.extend(mode for (mode,) in cursor.fetchall())

    # Before and after the second call: the one of the drop.
    with watched("orders.expiry:_decide_by_status", at=look):
        decide_holds(event_id=kind.event_id, order_ids=[new_id()], now=clock.now())

    assert modes == ["ExclusiveLock", "ExclusiveLock"]
