"""The place that an exchange takes, and the money that moves for it."""

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

import pytest
from django.db import connection, transaction
from django.db.models import F
from redis import Redis

from events.models import Event, EventStatus, TicketType
from events.stock.rebuild import rebuild_stock
from events.stock.record import SoldOut
from orders import exchanges
from orders.dropped_hold import DroppedHold
from orders.exchanges import (
    Difference,
    DifferenceNotSettled,
    Place,
    SettledDifference,
    WaiverNeedsReason,
    cash_of_tickets,
    give_cash_back,
    keep_place,
    settle_difference,
    with_place,
)
from orders.expiry import decide_holds
from orders.holding import EventHasChanged, hold_once
from orders.models import CashDifference, Order, OrderStatus
from orders.pricing import EventNotFound, EventNotOnSale, UnknownTicketType
from tests.engine.world import left
from tests.make import make_event, make_reserved_order, make_ticket_type
from ticketing import clock
from ticketing.database.locks import Lock
from ticketing.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")


@pytest.fixture
def kind() -> TicketType:
    return make_ticket_type(capacity=1)


def take_place(kind: TicketType, write: Callable[[Place], T]) -> T:
    return with_place(event_id=kind.event_id, ticket_type_id=kind.pk, now=clock.now(), write=write)


def keep(place: Place) -> Place:
    with transaction.atomic():
        keep_place(place)
    return place


def holds(redis: Redis, kind: TicketType) -> int:
    found = redis.hlen(f"{{event:{kind.event_id}}}:holds")
    assert isinstance(found, int)
    return found


def test_a_place_is_held_while_the_exchange_is_written_and_taken_for_good_after_it(
    redis: Redis, kind: TicketType
):
    during = take_place(kind, lambda _place: (left(kind), holds(redis, kind)))

    assert during == (0, 1)
    assert (left(kind), holds(redis, kind)) == (0, 0)


def test_a_refused_exchange_gives_its_place_back(redis: Redis, kind: TicketType):
    def refuse(_place: Place) -> None:
        raise SoldOut("No.")

    with pytest.raises(SoldOut):
        take_place(kind, refuse)

    assert (left(kind), holds(redis, kind)) == (1, 0)


def test_a_place_is_taken_only_of_a_type_of_an_event_that_is_on_sale_and_not_over(
    kind: TicketType,
):
    event, other = kind.event, make_ticket_type()

    def take(kind: TicketType, now=event.starts_at) -> None:
        with_place(event_id=event.pk, ticket_type_id=kind.pk, now=now, write=keep)

    with pytest.raises(EventNotOnSale):
        take(kind, event.ends_at)
    with pytest.raises(UnknownTicketType):
        take(other)
    Event.objects.filter(pk=event.pk).update(status=EventStatus.DRAFT)
    with pytest.raises(EventNotFound):
        take(kind)
    Event.objects.filter(pk=event.pk).update(status=EventStatus.CANCELLED)
    with pytest.raises(EventNotOnSale):
        take(kind)


def test_the_first_exchange_after_redis_lost_its_data_finds_a_place(redis: Redis, kind: TicketType):
    redis.flushdb()

    assert take_place(kind, keep).ticket_type_id == kind.pk


def test_a_place_whose_reservation_has_expired_is_taken(redis: Redis, kind: TicketType):
    order = make_reserved_order(ticket_type=kind)
    Order.objects.filter(pk=order.pk).update(reserved_until=clock.now())
    redis.zadd(f"{{event:{kind.event_id}}}:due", {str(order.pk): 1})

    take_place(kind, keep)

    order.refresh_from_db()
    assert (order.status, left(kind)) == (OrderStatus.EXPIRED, 0)


def test_an_exchange_reads_an_event_again_that_changed_before_its_place_was_held(
    kind: TicketType, monkeypatch: pytest.MonkeyPatch
):
    hold, seen = hold_once, list[int]()

    def find_it_changed_once(*arguments):
        seen.append(1)
        if len(seen) == 1:
            raise EventHasChanged
        return hold(*arguments)

    monkeypatch.setattr(exchanges, "hold_once", find_it_changed_once)

    take_place(kind, keep)

    assert (len(seen), left(kind)) == (2, 0)


def test_a_place_that_was_dropped_before_it_was_kept_is_taken_again(kind: TicketType):
    held = []
    DroppedHold.objects.create(order_id=new_id(), dropped_at=clock.now())

    def keep_after_the_first_was_dropped(place: Place) -> None:
        held.append(place.exchange_id)
        if len(held) == 1:
            decide_holds(event_id=kind.event_id, order_ids=held, now=clock.now())
        keep(place)

    # The hold is dropped in PostgreSQL only, so Redis still counts it.
    wide = make_ticket_type(event=kind.event, name="Balcony", capacity=2)
    take_place(wide, keep_after_the_first_was_dropped)

    assert len(set(held)) == 2


def test_a_place_of_a_stock_that_was_rebuilt_meanwhile_is_taken_again(kind: TicketType):
    epochs = []

    def keep_after_one_rebuild(place: Place) -> None:
        epochs.append(place.epoch)
        if len(epochs) == 1:
            rebuild_stock(event_id=kind.event_id)
        keep(place)

    take_place(kind, keep_after_one_rebuild)

    assert epochs == [epochs[0], epochs[0] + 1]
    assert left(kind) == 0


def test_an_exchange_rebuilds_a_stock_whose_rebuild_stopped_half_way(kind: TicketType):
    assert left(kind) == 1
    # A process has raised the epoch, and died before it filled Redis.
    Event.objects.filter(pk=kind.event_id).update(epoch=F("epoch") + 1)

    place = take_place(kind, keep)

    assert place.epoch > kind.event.epoch
    assert left(kind) == 0


def test_a_place_of_an_event_that_was_cancelled_meanwhile_is_not_kept(kind: TicketType):
    make_event()

    def keep_after_the_event_was_cancelled(place: Place) -> None:
        Event.objects.filter(pk=kind.event_id).update(status=EventStatus.CANCELLED)
        keep(place)

    with pytest.raises(EventNotOnSale):
        take_place(kind, keep_after_the_event_was_cancelled)


def test_until_an_exchange_is_committed_no_rebuild_counts_the_stock(kind: TicketType):
    def locks(place: Place) -> list[tuple[str, int]]:
        with transaction.atomic(), connection.cursor() as cursor:
            keep_place(place)
            cursor.execute(
                "SELECT mode, objid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s"
                " AND pid = pg_backend_pid()",
                [Lock.EVENT],
            )
            return cursor.fetchall()

    assert take_place(kind, locks) == [("ShareLock", kind.event.number)]


@pytest.mark.parametrize(
    ("before", "after", "in_cash", "difference", "settled"),
    [
        (80, 80, 0, None, SettledDifference(Decimal(80))),
        (80, 200, 0, Difference.CASH, SettledDifference(Decimal(200), cash=Decimal(120))),
        (80, 200, 50, Difference.WAIVE, SettledDifference(Decimal(80))),
        (200, 80, 50, Difference.KEEP, SettledDifference(Decimal(200))),
        (200, 80, 0, Difference.REFUND, SettledDifference(Decimal(80), Decimal(120))),
        (
            200,
            80,
            50,
            Difference.REFUND,
            SettledDifference(Decimal(80), Decimal(70), Decimal(-50)),
        ),
        (200, 80, 150, Difference.REFUND, SettledDifference(Decimal(80), cash=Decimal(-120))),
    ],
)
def test_a_difference_moves_the_money_that_staff_chose(
    before: int, after: int, in_cash: int, difference: Difference | None, settled: SettledDifference
):
    assert settle(before, after, difference, in_cash=in_cash) == settled


def settle(
    before: int, after: int, difference: Difference | None, *, reason: str = "x", in_cash: int = 0
) -> SettledDifference:
    return settle_difference(
        before=Decimal(before),
        after=Decimal(after),
        in_cash=Decimal(in_cash),
        difference=difference,
        reason=reason,
    )


def test_a_choice_that_does_not_fit_is_refused_with_the_ones_that_do():
    for wrong in (None, Difference.CASH, Difference.WAIVE):
        with pytest.raises(DifferenceNotSettled, match="by 120: send `refund` or `keep`"):
            settle(200, 80, wrong)
    for wrong in (None, Difference.REFUND, Difference.KEEP):
        with pytest.raises(DifferenceNotSettled, match="by 120: send `cash` or `waive`"):
            settle(80, 200, wrong)
    with pytest.raises(WaiverNeedsReason):
        settle(80, 200, Difference.WAIVE, reason=" ")
    assert settle(80, 200, Difference.CASH, reason="").price == Decimal(200)


def test_cash_is_known_by_order_and_ticket_and_given_back_once_for_those_that_are_refunded(
    kind: TicketType,
):
    wide = make_ticket_type(event=kind.event, name="Balcony", price="50.00")
    order, other = (make_reserved_order(ticket_type=wide, quantity=2) for _ in range(2))
    first, second = ((order.items.get().pk, position) for position in (1, 2))
    elsewhere = (other.items.get().pk, 1)
    now = clock.now()
    taken = [(order, first, 20), (order, first, 10), (order, second, 5), (other, elsewhere, 7)]
    for of, (item, position), amount in taken:
        CashDifference.objects.create(
            order=of, order_item_id=item, position=position, amount=amount, at=now
        )

    assert cash_of_tickets(order.pk) == {first: Decimal(30), second: Decimal(5)}

    def give_back() -> Decimal:
        return give_cash_back(order_id=order.pk, tickets=[first, elsewhere], now=now)

    assert (give_back(), give_back()) == (Decimal(30), Decimal(0))
    assert cash_of_tickets(order.pk) == {second: Decimal(5)}
    assert cash_of_tickets(other.pk) == {elsewhere: Decimal(7)}
    given = CashDifference.objects.get(amount__lt=0)
    assert (given.order, given.order_item_id, given.position, given.amount, given.at) == (
        order,
        *first,
        Decimal(-30),
        now,
    )
