"""The Lua scripts of the stock, also when they are called twice or too late."""

from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from events.models import Event, TicketType
from events.stock import staging
from events.stock.adjustments import announce_revision, free_tickets, raise_capacity
from events.stock.holds import (
    HoldAction,
    HoldDecision,
    StockIsCold,
    StockRunsOut,
    apply_decisions,
    check_stocks,
    due_holds,
    hold_tickets,
    read_stock,
)
from events.stock.rebuild import rebuild_stock
from events.stock.record import OpenHold, Stock, begin_epoch, current_epoch
from events.stock.staging import publish_stock
from tests.make import make_event

pytestmark = pytest.mark.django_db(transaction=True)

A_MINUTE = 60_000


def type_on_sale(*, capacity: int = 10) -> TicketType:
    """Make a ticket type on sale, with its stock in Redis."""
    kind = make_event(capacity=capacity).ticket_types.get()
    rebuild_stock(event_id=kind.event_id)
    return kind


def hold(kind: TicketType, quantity: int, **changes: Any) -> int:
    named: dict[str, Any] = {"order_id": uuid4(), "milliseconds": A_MINUTE} | changes
    return hold_tickets(event_id=kind.event_id, quantities={kind.pk: quantity}, **named)


def left(kind: TicketType) -> int:
    stock = read_stock(kind.event_id)
    assert stock is not None
    return stock.left[kind.pk]


def deadline(redis: Redis, kind: TicketType, order_id: object) -> float:
    found = redis.zscore(f"{{event:{kind.event_id}}}:due", str(order_id))
    assert found is not None
    return found


def test_a_repeated_hold_takes_its_tickets_once():
    kind, order_id = type_on_sale(), uuid4()

    first = hold(kind, 3, order_id=order_id)
    again = hold(kind, 3, order_id=order_id)

    assert (first, left(kind)) == (again, 7)


def test_a_repeated_hold_of_the_last_tickets_is_not_refused():
    kind, order_id = type_on_sale(capacity=3), uuid4()
    hold(kind, 3, order_id=order_id)

    hold(kind, 3, order_id=order_id)

    assert left(kind) == 0


def test_the_tickets_left_can_be_held_but_not_one_more():
    kind = type_on_sale(capacity=3)

    with pytest.raises(StockRunsOut, match="Tickets left: 3") as refused:
        hold(kind, 4)
    hold(kind, 3)

    assert (refused.value.left, left(kind)) == (3, 0)


def test_an_order_of_two_types_takes_nothing_if_one_of_them_is_gone():
    event = make_event(capacity=5)
    plenty = event.ticket_types.get()
    few = TicketType.objects.create(event=event, number=2, name="Few", price=1, capacity=1)
    rebuild_stock(event_id=event.pk)

    with pytest.raises(StockRunsOut) as refused:
        hold_tickets(
            event_id=event.pk,
            order_id=uuid4(),
            quantities={plenty.pk: 2, few.pk: 2},
            milliseconds=A_MINUTE,
        )

    assert refused.value.ticket_type_id == few.pk
    assert (left(plenty), left(few)) == (5, 1)


def test_a_refusal_has_the_number_of_overdue_holds():
    kind = type_on_sale(capacity=4)
    hold(kind, 1, milliseconds=0)
    hold(kind, 1, milliseconds=0)
    hold(kind, 1)

    with pytest.raises(StockRunsOut) as refused:
        hold(kind, 2)

    assert refused.value.overdue == 2


def test_an_older_rebuild_is_not_published_over_a_newer_one():
    kind = type_on_sale()
    older = begin_epoch(event_id=kind.event_id)
    hold_later = {uuid4(): OpenHold({kind.pk: 4}, A_MINUTE)}
    rebuild_stock(event_id=kind.event_id)
    assert older is not None

    late = Stock(older.epoch, older.revision, older.types, hold_later)
    published = publish_stock(event_id=kind.event_id, stock=late)

    epoch = Event.objects.values_list("epoch", flat=True).get(pk=kind.event_id)
    # The newer stock stays live, so the caller has nothing to repeat.
    assert published
    assert hold(kind, 1) == epoch


def test_a_repeated_publication_of_a_rebuild_changes_nothing():
    kind = type_on_sale()
    stock = begin_epoch(event_id=kind.event_id)
    assert stock is not None
    publish_stock(event_id=kind.event_id, stock=stock)
    hold(kind, 4)

    publish_stock(event_id=kind.event_id, stock=stock)

    assert left(kind) == 6


def test_a_rebuild_replaces_the_holds_and_their_deadlines(redis: Redis):
    kind, old, new = type_on_sale(), uuid4(), uuid4()
    hold(kind, 2, order_id=old)
    stock = begin_epoch(event_id=kind.event_id)
    assert stock is not None

    rebuilt = Stock(stock.epoch, stock.revision, stock.types, {new: OpenHold({kind.pk: 3}, 0)})
    publish_stock(event_id=kind.event_id, stock=rebuilt)

    key = f"{{event:{kind.event_id}}}"
    assert redis.hkeys(f"{key}:holds") == [str(new)]
    assert redis.zrange(f"{key}:due", 0, -1) == [str(new)]
    assert [redis.ttl(f"{key}:{name}") for name in ("left", "holds", "due")] == [-1, -1, -1]


def test_a_rebuild_without_holds_removes_the_old_ones(redis: Redis):
    kind = type_on_sale()
    hold(kind, 2)
    stock = begin_epoch(event_id=kind.event_id)
    assert stock is not None

    publish_stock(event_id=kind.event_id, stock=stock)

    assert not redis.exists(f"{{event:{kind.event_id}}}:holds")
    assert not redis.exists(f"{{event:{kind.event_id}}}:due")
    assert left(kind) == 10


@pytest.mark.parametrize("part", ["left", "holds", "due"])
def test_a_rebuild_with_a_lost_key_is_not_published(part: str, monkeypatch, redis: Redis):
    kind = type_on_sale()
    stock = begin_epoch(event_id=kind.event_id)
    assert stock is not None
    held = Stock(stock.epoch, stock.revision, stock.types, {uuid4(): OpenHold({kind.pk: 3}, 0)})
    staged = f"{{event:{kind.event_id}}}:{part}:{stock.epoch}"

    stage = staging._stage

    def stage_and_lose(*arguments: Any) -> None:
        stage(*arguments)
        redis.delete(staged)

    monkeypatch.setattr(staging, "_stage", stage_and_lose)

    assert not publish_stock(event_id=kind.event_id, stock=held)
    assert redis.keys("*:*:*:*") == []


def test_an_older_capacity_does_not_replace_a_newer_one():
    kind = type_on_sale(capacity=10)
    named = {"event_id": kind.event_id, "ticket_type_id": kind.pk}
    raise_capacity(**named, capacity=30, version=2)

    raise_capacity(**named, capacity=20, version=1)
    raise_capacity(**named, capacity=25, version=2)

    assert left(kind) == 30


def test_a_newer_capacity_adds_its_difference_to_the_tickets_left():
    kind = type_on_sale(capacity=10)
    hold(kind, 4)

    raise_capacity(event_id=kind.event_id, ticket_type_id=kind.pk, capacity=12, version=1)
    raise_capacity(event_id=kind.event_id, ticket_type_id=kind.pk, capacity=15, version=2)

    assert left(kind) == 11


def test_a_new_ticket_type_begins_with_its_capacity():
    kind = type_on_sale()
    unknown = uuid4()

    for _ in range(2):
        raise_capacity(event_id=kind.event_id, ticket_type_id=unknown, capacity=7, version=0)

    stock = read_stock(kind.event_id)
    assert stock is not None
    assert stock.left[unknown] == 7


def free(kind: TicketType, quantity: int, *, later: int = 0) -> bool:
    """Free tickets whose return PostgreSQL counted in the current epoch plus `later`."""
    epoch = current_epoch(kind.event_id) + later
    return free_tickets(event_id=kind.event_id, epoch=epoch, quantities={kind.pk: quantity})


def test_returned_tickets_are_on_sale_in_the_same_epoch():
    kind = type_on_sale()
    epoch = hold(kind, 8)

    freed = free(kind, 3)

    assert (freed, left(kind), hold(kind, 1)) == (True, 5, epoch)


def test_two_returns_of_the_same_size_both_count():
    kind = type_on_sale()
    hold(kind, 8)

    free(kind, 3)
    free(kind, 3)

    assert left(kind) == 8


def test_a_repeated_return_counts_once(monkeypatch, redis: Redis):
    kind, same = type_on_sale(), uuid4()
    monkeypatch.setattr("events.stock.adjustments.new_id", lambda: same)
    hold(kind, 8)

    freed = [free(kind, 3) for _ in range(2)]

    assert (freed, left(kind)) == ([True, True], 5)
    lasts = redis.pttl(f"{{event:{kind.event_id}}}:freed:{same}")
    assert A_MINUTE / 2 < lasts <= A_MINUTE


def test_a_return_of_an_older_epoch_is_not_counted_again():
    kind = type_on_sale()

    freed = free(kind, 3, later=-1)

    assert (freed, left(kind)) == (True, 10)


@pytest.mark.parametrize("lacks", ["the stock", "the epoch", "the ticket type"])
def test_a_return_to_a_stock_that_must_be_rebuilt_changes_nothing(lacks: str, redis: Redis):
    kind = type_on_sale()
    key = f"{{event:{kind.event_id}}}:left"
    if lacks == "the stock":
        redis.delete(key)
    elif lacks == "the ticket type":
        redis.hdel(key, str(kind.pk))

    before = redis.hgetall(key)
    freed = free(kind, 3, later=1 if lacks == "the epoch" else 0)

    assert (freed, redis.hgetall(key)) == (False, before)


def test_a_hold_is_released_once():
    kind, order_id = type_on_sale(), uuid4()
    hold(kind, 4, order_id=order_id)
    release = [HoldDecision(order_id, HoldAction.RELEASE)]

    changed = [apply_decisions(event_id=kind.event_id, decisions=release) for _ in range(2)]

    assert (changed, left(kind)) == ([1, 0], 10)


def test_a_settled_hold_frees_no_tickets_and_is_not_due_any_more(redis: Redis):
    kind, order_id = type_on_sale(), uuid4()
    hold(kind, 4, order_id=order_id, milliseconds=0)

    apply_decisions(event_id=kind.event_id, decisions=[HoldDecision(order_id, HoldAction.SETTLE)])

    assert left(kind) == 6
    assert redis.zcard(f"{{event:{kind.event_id}}}:due") == 0


def test_a_retimed_hold_keeps_its_tickets_and_is_due_later(redis: Redis):
    kind, order_id = type_on_sale(), uuid4()
    hold(kind, 4, order_id=order_id, milliseconds=0)
    before = deadline(redis, kind, order_id)

    decisions = [HoldDecision(order_id, HoldAction.RETIME, A_MINUTE)]
    apply_decisions(event_id=kind.event_id, decisions=decisions)

    assert left(kind) == 6
    assert A_MINUTE <= deadline(redis, kind, order_id) - before < 2 * A_MINUTE


def test_an_overdue_hold_is_returned_once_until_its_lease_ends(redis: Redis):
    kind, due, in_time = type_on_sale(), uuid4(), uuid4()
    hold(kind, 1, order_id=due, milliseconds=0)
    hold(kind, 1, order_id=in_time)
    named: dict[str, Any] = {
        "event_ids": [kind.event_id],
        "limit": 10,
        "lease_milliseconds": A_MINUTE,
    }

    first, second = due_holds(**named), due_holds(**named)

    assert (first, second) == ({kind.event_id: [due]}, {})
    assert deadline(redis, kind, due) == pytest.approx(deadline(redis, kind, in_time), abs=5_000)


def test_no_more_overdue_holds_are_returned_than_the_limit():
    kind = type_on_sale()
    for _ in range(3):
        hold(kind, 1, milliseconds=0)

    due = due_holds(event_ids=[kind.event_id], limit=2, lease_milliseconds=A_MINUTE)

    assert len(due[kind.event_id]) == 2


def clock_of(redis: Redis) -> float:
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000


def test_a_hold_is_due_by_the_clock_of_redis(redis: Redis):
    kind, order_id = type_on_sale(), uuid4()

    before = clock_of(redis)
    hold(kind, 1, order_id=order_id, milliseconds=0)

    assert before <= deadline(redis, kind, order_id) <= clock_of(redis)


def test_a_hold_of_an_unknown_ticket_type_finds_the_stock_cold():
    kind = type_on_sale()

    with pytest.raises(StockIsCold):
        hold_tickets(
            event_id=kind.event_id,
            order_id=uuid4(),
            quantities={uuid4(): 1},
            milliseconds=A_MINUTE,
        )


def test_a_refusal_has_the_newest_revision_and_an_older_one_changes_nothing():
    kind = type_on_sale(capacity=1)
    for revision in (70, 50):
        announce_revision(event_id=kind.event_id, revision=revision)

    with pytest.raises(StockRunsOut) as refused:
        hold(kind, 2)

    assert refused.value.revision == 70


def test_no_script_changes_a_stock_of_an_older_generation(redis: Redis):
    kind, order_id = type_on_sale(), uuid4()
    hold(kind, 4, order_id=order_id, milliseconds=0)
    keys = [f"{{event:{kind.event_id}}}:{name}" for name in ("left", "holds")]
    before = [redis.hgetall(key) for key in keys]
    # As after a restart: the first call of a lost script begins a new generation.
    redis.script_flush()

    found = due_holds(event_ids=[kind.event_id], limit=9, lease_milliseconds=A_MINUTE)
    changed = apply_decisions(
        event_id=kind.event_id, decisions=[HoldDecision(order_id, HoldAction.RELEASE)]
    )
    raise_capacity(event_id=kind.event_id, ticket_type_id=kind.pk, capacity=99, version=9)
    announce_revision(event_id=kind.event_id, revision=1_000)

    assert (found, changed) == ({}, 0)
    assert [redis.hgetall(key) for key in keys] == before


def test_a_broken_stock_hides_no_figures_of_other_events(redis: Redis):
    kind, broken = type_on_sale(), type_on_sale()
    redis.delete(f"{{event:{broken.event_id}}}:left")
    redis.set(f"{{event:{broken.event_id}}}:left", "text")

    stocks, errors = check_stocks([broken.event_id, kind.event_id])

    assert ({*stocks}, {*errors}) == ({kind.event_id}, {broken.event_id})
    assert stocks[kind.event_id].left == {kind.pk: 10}


def test_events_are_cold_after_redis_lost_its_scripts_and_none_is_broken(redis: Redis):
    kind = type_on_sale()
    redis.script_flush()

    assert check_stocks([kind.event_id]) == ({}, {})


def test_no_events_have_no_stocks_and_no_round_trip(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("events.stock.holds.get_redis", lambda: pytest.fail("asked Redis"))

    assert check_stocks([]) == ({}, {})
