"""Drift between Redis and the record."""

import pytest
from redis import Redis

from events.audit import audit_stock, count_drifts
from events.catalogue import left_by_type
from events.generation import ensure_generation
from events.holds import read_stocks
from tests.make import make_reserved_order, make_ticket_type
from ticketing import clock
from ticketing.ids import new_id

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_drift_seen_twice_is_repaired(redis: Redis):
    ensure_generation()
    kind = make_ticket_type(capacity=10)
    make_reserved_order(ticket_type=kind)
    redis.hincrby(f"{{event:{kind.event_id}}}:left", str(kind.pk), -4)

    assert audit_stock(now=clock.now()) == 0
    assert audit_stock(now=clock.now()) == 1

    assert left_by_type([kind.event_id]) == {kind.pk: 9}
    assert count_drifts() == 1


def test_a_stock_in_order_is_left_alone():
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
