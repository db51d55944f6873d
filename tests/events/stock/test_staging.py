"""Writing a rebuilt stock to Redis, with many holds and after an interrupted rebuild."""

from uuid import uuid4

import pytest
from redis import Redis

from events.stock import staging
from events.stock.record import OpenHold, Stock, begin_epoch
from events.stock.staging import publish_stock
from tests.make import make_ticket_type

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_holds_are_written_with_their_deadlines(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(staging, "_STAGING_CHUNK", 2)
    kind = make_ticket_type()
    orders = [uuid4() for _ in range(5)]
    begun = begin_epoch(event_id=kind.event_id)
    assert begun is not None
    holds = {order: OpenHold({kind.pk: 1}, 60_000) for order in orders}
    seconds, microseconds = redis.time()

    publish_stock(
        event_id=kind.event_id, stock=Stock(begun.epoch, begun.revision, begun.types, holds)
    )

    key = f"{{event:{kind.event_id}}}"
    assert redis.hgetall(f"{key}:holds") == {str(order): f"{kind.pk}=1" for order in orders}
    due = [redis.zscore(f"{key}:due", str(order)) for order in orders]
    earliest = seconds * 1000 + microseconds // 1000 + 60_000
    assert all(moment and earliest <= moment < earliest + 30_000 for moment in due)


def test_what_an_interrupted_rebuild_leaves_expires(redis: Redis, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(staging, "evaluate", lambda *_arguments: "LOST")
    kind = make_ticket_type()
    begun = begin_epoch(event_id=kind.event_id)
    assert begun is not None
    holds = {uuid4(): OpenHold({kind.pk: 1}, 60_000)}

    published = publish_stock(
        event_id=kind.event_id, stock=Stock(begun.epoch, begun.revision, begun.types, holds)
    )

    assert not published
    key = f"{{event:{kind.event_id}}}"
    rests = [redis.ttl(f"{key}:{name}:{begun.epoch}") for name in ("left", "holds", "due")]
    assert all(0 < rest <= 120 for rest in rests)


def test_what_an_interrupted_rebuild_has_left_is_not_published(redis: Redis):
    kind = make_ticket_type()
    begun = begin_epoch(event_id=kind.event_id)
    assert begun is not None
    key = f"{{event:{kind.event_id}}}"
    redis.hset(f"{key}:left:{begun.epoch}", "capacity:old", 5)
    redis.hset(f"{key}:holds:{begun.epoch}", str(uuid4()), f"{kind.pk}=1")

    published = publish_stock(event_id=kind.event_id, stock=begun)

    assert published
    assert not redis.exists(f"{key}:holds")
    assert redis.hget(f"{key}:left", "capacity:old") is None
