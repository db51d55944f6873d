"""Writing a rebuilt stock to Redis under temporary keys, then replacing the live keys at once."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from events.stock.holds import REDIS_UNAVAILABLE, InventoryUnavailable, evaluate, keys_of
from events.stock.record import Stock
from ticketing.redis import get_redis

# Temporary keys of a process that died while it staged a rebuild expire after this time.
_STAGING_SECONDS = 120
_STAGING_CHUNK = 2_000


def publish_stock(*, event_id: UUID, stock: Stock) -> bool:
    """
    Replace the live stock by a rebuilt one, unless the live one has the same or a newer epoch.

    Return False if Redis lost a part of the staged stock: the caller must rebuild again.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    live = keys_of(event_id)
    staged = [f"{key}:{stock.epoch}" for key in live]
    left: dict[str, int] = {"revision": stock.revision}
    for kind in stock.types:
        name = str(kind.ticket_type_id)
        left |= {
            name: kind.left,
            f"capacity:{name}": kind.capacity,
            f"version:{name}": kind.version,
        }
    try:
        _stage(staged, left, stock)
    except RedisError as error:
        raise InventoryUnavailable(REDIS_UNAVAILABLE) from error
    sizes = [len(left), len(stock.holds), len(stock.holds)]
    return bool(evaluate("publish", [*live, *staged], stock.epoch, *sizes) != "LOST")


def _stage(staged: list[str], left: dict[str, int], stock: Stock) -> None:
    pipeline = get_redis().pipeline(transaction=False)
    pipeline.unlink(*staged)
    pipeline.hset(staged[0], mapping=left)  # type: ignore[arg-type]
    seconds, microseconds = get_redis().time()
    now = seconds * 1000 + microseconds // 1000
    for chunk in _chunks(stock.holds):
        held = {str(order): _items_text(hold.quantities) for order, hold in chunk.items()}
        pipeline.hset(staged[1], mapping=held)  # type: ignore[arg-type]
        until = {str(order): now + hold.milliseconds for order, hold in chunk.items()}
        pipeline.zadd(staged[2], until)
    for key in staged:
        pipeline.expire(key, _STAGING_SECONDS)
    pipeline.execute()


def _chunks(holds: Mapping[UUID, Any]) -> Iterator[dict[UUID, Any]]:
    rest = iter(holds.items())
    while chunk := dict(islice(rest, _STAGING_CHUNK)):
        yield chunk


def _items_text(quantities: Mapping[UUID, int]) -> str:
    """Return the items of a hold in the form that `lua/verdict.lua` parses."""
    return " ".join(f"{kind}={quantity}" for kind, quantity in quantities.items())
