"""Putting a rebuilt stock in the place of the live one, in one step."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from redis.exceptions import RedisError

from events.stock.holds import InventoryUnavailable, evaluate, keys_of
from events.stock.record import Stock
from ticketing.redis import get_redis

# A process that died while it staged a rebuild leaves no garbage for longer than this.
_STAGING_SECONDS = 120
_STAGING_CHUNK = 2_000


def publish_stock(*, event_id: UUID, stock: Stock) -> bool:
    """
    Put a rebuilt stock in the place of the live one. Return False if Redis lost it on the way.

    :raises InventoryUnavailable: if Redis is away
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
        raise InventoryUnavailable("Redis is away.") from error
    sizes = [len(left), len(stock.holds), len(stock.holds)]
    return bool(evaluate("publish", [*live, *staged], stock.epoch, *sizes) != "LOST")


def _stage(staged: list[str], left: dict[str, int], stock: Stock) -> None:
    pipeline = get_redis().pipeline(transaction=False)
    pipeline.unlink(*staged)
    pipeline.hset(staged[0], mapping=left)  # type: ignore[arg-type]
    seconds, microseconds = get_redis().time()
    now = seconds * 1000 + microseconds // 1000
    for chunk in _chunks(stock.holds):
        held = {str(order): _spell(hold.quantities) for order, hold in chunk.items()}
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


def _spell(quantities: Mapping[UUID, int]) -> str:
    return " ".join(f"{kind}={quantity}" for kind, quantity in quantities.items())
