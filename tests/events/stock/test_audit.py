"""The audit, which finds drift between Redis and the record."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from redis import Redis

from events.catalogue import left_by_type
from events.models import Event, TicketType
from events.stock.audit import audit_stock, count_drifts
from events.stock.generation import ensure_generation
from events.stock.holds import hold_tickets, read_stocks
from events.stock.rebuild import rebuild_stock
from events.stock.record import Stock, StockOfType
from events.stock.staging import publish_stock
from orders.expiry import settle_overdue_holds_everywhere
from tests.make import make_event, make_reserved_order, make_ticket_type
from tests.ticketing.telemetry.test_metrics import Counts
from ticketing import clock
from ticketing.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
OVER = {
    "starts_at": datetime(2020, 1, 1, 20, tzinfo=UTC),
    "ends_at": datetime(2020, 1, 2, tzinfo=UTC),
}


def test_a_drift_seen_twice_is_repaired(redis: Redis):
    ensure_generation()
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)
    redis.hincrby(f"{{event:{kind.event_id}}}:left", str(kind.pk), -4)

    assert audit_stock(now=clock.now()) == 0
    assert audit_stock(now=clock.now()) == 1

    assert left_by_type([kind.event_id]) == {kind.pk: 9}
    assert count_drifts() == 1


def test_a_drift_is_logged_with_its_figures(redis: Redis, caplog: pytest.LogCaptureFixture):
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)
    drift(redis, kind)

    audit_stock(now=clock.now())
    first_log = caplog.text
    audit_stock(now=clock.now())

    drifted = f"The stock of event {kind.event_id} drifted by {{'{kind.pk}': -4}}."
    assert (drifted in first_log, drifted in caplog.text) == (False, True)


def test_the_same_drift_after_a_repair_counts_as_seen_for_the_first_time(redis: Redis):
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)
    rebuilt = []
    for _ in range(2):
        drift(redis, kind)
        rebuilt += [audit_stock(now=clock.now()) for _ in range(2)]

    assert rebuilt == [0, 1, 0, 1]


def test_an_event_is_audited_until_it_ends(redis: Redis):
    event = make_event()
    kind = event.ticket_types.get()
    make_reserved_order(ticket_type=kind)
    drift(redis, kind)

    assert [audit_stock(now=event.ends_at) for _ in range(3)] == [0, 0, 0]
    assert [audit_stock(now=event.ends_at - SECOND) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("change", [{"status": "cancelled"}, OVER])
def test_an_event_that_is_not_on_sale_any_more_is_not_audited(redis: Redis, change: dict[str, Any]):
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)
    drift(redis, kind)
    Event.objects.filter(pk=kind.event_id).update(**change)

    assert [audit_stock(now=clock.now()) for _ in range(3)] == [0, 0, 0]
    assert count_drifts() == 0


def test_a_stock_without_drift_is_not_rebuilt():
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)

    assert [audit_stock(now=clock.now()) for _ in range(3)] == [0, 0, 0]


def test_a_ticket_type_that_only_redis_has_is_a_drift(redis: Redis):
    kind = make_ticket_type(capacity=10)
    redis.hset(f"{{event:{kind.event_id}}}:left", str(new_id()), 0)

    assert audit_stock(now=clock.now()) == 0
    assert audit_stock(now=clock.now()) == 1

    assert read_stocks([kind.event_id])[kind.event_id].left == {kind.pk: 10}
    assert audit_stock(now=clock.now()) == 0


def break_stock(redis: Redis, kind: TicketType) -> None:
    """Write a value of a wrong type to the stock's key, on which all scripts fail."""
    key = f"{{event:{kind.event_id}}}:left"
    redis.delete(key)
    redis.rpush(key, "no hash")


def drift(redis: Redis, kind: TicketType) -> None:
    redis.hincrby(f"{{event:{kind.event_id}}}:left", str(kind.pk), -4)


def test_a_broken_stock_is_reported_and_rebuilt_and_the_others_are_audited(
    redis: Redis, caplog: pytest.LogCaptureFixture
):
    ensure_generation()
    broken, other = make_ticket_type(capacity=10), make_ticket_type(capacity=10)
    break_stock(redis, broken)
    drift(redis, other)
    counts = Counts()
    # Until the rebuild, the figures of this event alone come from the record.
    assert left_by_type([broken.event_id, other.event_id]) == {broken.pk: 10, other.pk: 6}

    assert audit_stock(now=clock.now()) == 0
    assert audit_stock(now=clock.now()) == 2

    assert left_by_type([broken.event_id, other.event_id]) == {broken.pk: 10, other.pk: 10}
    assert f"The stock of event {broken.event_id} is broken in Redis" in caplog.text
    assert counts.of("bilheteria_stock_failures_total") == {("read",): 2}


def test_a_malformed_number_breaks_the_stock_of_its_event_only(redis: Redis):
    ensure_generation()
    broken, other = make_ticket_type(capacity=10), make_ticket_type(capacity=10)
    redis.hset(f"{{event:{broken.event_id}}}:left", str(broken.pk), "many")

    assert read_stocks([broken.event_id, other.event_id]).keys() == {other.event_id}


def test_a_stock_that_cannot_be_rebuilt_does_not_stop_the_audit(
    redis: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    ensure_generation()
    kinds = [make_ticket_type(capacity=10) for _ in range(3)]
    for kind in kinds:
        drift(redis, kind)
    failing = kinds[1].event_id

    def rebuild_others(*, event_id: UUID) -> None:
        if event_id == failing:
            raise RuntimeError("The rebuild fails.")
        rebuild_stock(event_id=event_id)

    monkeypatch.setattr("events.stock.audit.rebuild_stock", rebuild_others)
    counts = Counts()

    assert audit_stock(now=clock.now()) == 0
    assert audit_stock(now=clock.now()) == 2

    assert counts.of("bilheteria_stock_failures_total") == {("rebuild",): 1}
    assert f"The stock of event {failing} cannot be rebuilt" in caplog.text


def test_overdue_holds_are_settled_while_another_events_stock_is_broken(
    redis: Redis, caplog: pytest.LogCaptureFixture
):
    ensure_generation()
    broken, other = make_ticket_type(capacity=10), make_ticket_type(capacity=10)
    for kind in (broken, other):
        hold_tickets(
            event_id=kind.event_id, order_id=new_id(), quantities={kind.pk: 2}, milliseconds=0
        )
    # The overdue hold is found, but the script that releases it fails.
    redis.hset(f"{{event:{broken.event_id}}}:left", str(broken.pk), "many")
    counts = Counts()

    settle_overdue_holds_everywhere(now=clock.now())

    assert left_by_type([other.event_id]) == {other.pk: 10}
    assert counts.of("bilheteria_stock_failures_total") == {("verdict",): 1}
    assert f"Verdicts on holds of event {broken.event_id} failed" in caplog.text


def test_a_stock_of_more_types_than_lua_can_unpack_is_read(redis: Redis):
    """An event from before the limit of 50 may have as many."""
    ensure_generation()
    event = make_event()
    types = [StockOfType(new_id(), 5, 0, 5) for _ in range(1_500)]
    assert publish_stock(event_id=event.pk, stock=Stock(100, 100, types, {}))

    assert len(read_stocks([event.pk])[event.pk].left) == 1_500
