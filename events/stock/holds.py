"""
The live stock in Redis: holds, and how many tickets are left.

A hold sets tickets aside while a buyer pays, but does not decide a sale: PostgreSQL does. Redis
never releases a hold by itself. If it loses its data, the stock is rebuilt from PostgreSQL.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from redis.exceptions import NoScriptError, RedisError, ResponseError

from events.stock.generation import ensure_generation, script_digest
from events.stock.record import SoldOut
from ticketing.errors import Unavailable
from ticketing.redis import get_redis, run_script

logger = logging.getLogger(__name__)

REDIS_UNAVAILABLE = "Redis is unavailable. Try again shortly."

# Stands for the reply of a script that failed for one event of several.
_BROKEN = "BROKEN"
# In the hash `left`, fields whose name is a UUID count tickets of a type. The other fields, such as
# `revision` and `capacity:<id>`, have names of other lengths.
_UUID_LENGTH = 36


class InventoryUnavailable(Unavailable):
    """Redis is unavailable, or does not know the stock yet."""

    code = "inventory_unavailable"
    title = "The stock of tickets is temporarily unavailable"


class StockIsCold(InventoryUnavailable):
    """Redis does not know the stock of this event: it must be rebuilt from the record."""


class StockIsBroken(InventoryUnavailable):
    """A script failed on the keys of this event. The audit rebuilds its stock."""


class StockRunsOut(SoldOut):
    """Redis has too few tickets left. Settling the overdue holds may free some."""

    def __init__(self, *, ticket_type_id: UUID, left: int, overdue: int, revision: int) -> None:
        super().__init__(f"Tickets left: {left}. Choose fewer tickets.")
        self.ticket_type_id = ticket_type_id
        self.left = left
        self.overdue = overdue
        self.revision = revision


class HoldAction(StrEnum):
    """What to do with a hold: the verdict of PostgreSQL. `lua/verdict.lua` knows the values."""

    RELEASE = "release"
    SETTLE = "settle"
    RETIME = "retime"


@dataclass(frozen=True, slots=True)
class HoldDecision:
    """What PostgreSQL decided about the hold of one order."""

    order_id: UUID
    action: HoldAction
    # For RETIME: the time from now until the hold is overdue.
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class LiveStock:
    """How many tickets of each type are left, and the newest revision that Redis knows."""

    left: dict[UUID, int]
    revision: int


def hold_tickets(
    *, event_id: UUID, order_id: UUID, quantities: Mapping[UUID, int], milliseconds: int
) -> int:
    """
    Hold tickets for one order, every item or none. Return the epoch in which they were taken.

    A repeated call for the same order changes nothing.

    :raises StockRunsOut: if too few tickets of a type are left
    :raises StockIsCold: if Redis does not know the stock of this event; nothing is held
    :raises InventoryUnavailable: if Redis is unavailable; a hold that it made becomes overdue
    """
    items = [word for pair in quantities.items() for word in pair]
    reply, epoch, *detail = _run("reserve", event_id, order_id, milliseconds, *items)
    if reply == "SOLD_OUT":
        raise StockRunsOut(
            ticket_type_id=UUID(detail[0]),
            left=max(0, int(detail[1])),
            overdue=int(detail[2]),
            revision=int(detail[3]),
        )
    if reply != "HELD":
        raise StockIsCold(f"The stock of event {event_id} is being rebuilt. Try again shortly.")
    return int(epoch)


def release_holds(*, event_id: UUID, order_ids: Iterable[UUID]) -> None:
    """Release the holds of orders that have ended. Call it after the commit that ended them."""
    released = [HoldDecision(order_id, HoldAction.RELEASE) for order_id in order_ids]
    try_to_apply_decisions(event_id=event_id, decisions=released)


def settle_hold(*, event_id: UUID, order_id: UUID) -> None:
    """Remove the hold of a sold order. Call it after the commit that counts its tickets as sold."""
    settled = HoldDecision(order_id, HoldAction.SETTLE)
    try_to_apply_decisions(event_id=event_id, decisions=[settled])


def retime_hold(*, event_id: UUID, order_id: UUID, milliseconds: int) -> None:
    """Set when a hold is overdue, from now. Call it after the commit that decided it."""
    retimed = HoldDecision(order_id, HoldAction.RETIME, milliseconds)
    try_to_apply_decisions(event_id=event_id, decisions=[retimed])


def try_to_apply_decisions(*, event_id: UUID, decisions: Iterable[HoldDecision]) -> None:
    """
    Apply decisions about an event's holds. Log it if Redis is unavailable.

    The holds then become overdue, and the worker asks PostgreSQL about them again.
    """
    try:
        apply_decisions(event_id=event_id, decisions=decisions)
    except InventoryUnavailable:
        logger.warning(
            "Verdicts on holds of event %s were not applied: Redis is unavailable.", event_id
        )


def apply_decisions(*, event_id: UUID, decisions: Iterable[HoldDecision]) -> int:
    """
    Apply decisions about an event's holds in one call. Return how many of the holds existed.

    A decision about a hold that does not exist changes nothing. If the stock is cold, the rebuild
    reads the decision from PostgreSQL.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    words = [
        word
        for decision in decisions
        for word in (decision.order_id, decision.action, decision.milliseconds)
    ]
    return int(_run("verdict", event_id, *words)[1]) if words else 0


def due_holds(
    *, event_ids: Collection[UUID], limit: int, lease_milliseconds: int
) -> dict[UUID, list[UUID]]:
    """
    Lease overdue holds of each event, `limit` for each at most, in one round trip.

    Return the ids of their orders, by event. Until its lease ends, a hold is not returned again.
    Events without overdue holds, and events whose stock is cold or broken, are left out.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    replies = _run_each("due", event_ids, limit, lease_milliseconds)
    return {
        event_id: [UUID(order) for order in reply[1:]]
        for event_id, reply in zip(event_ids, replies, strict=True)
        if reply[0] == "DONE" and reply[1:]
    }


def read_stocks(event_ids: Collection[UUID]) -> dict[UUID, LiveStock]:
    """
    Return the stock of each event that Redis knows, in one round trip.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    return check_stocks(event_ids)[0]


def check_stocks(event_ids: Collection[UUID]) -> tuple[dict[UUID, LiveStock], dict[UUID, str]]:
    """
    Return the stock of each event that Redis knows, and the error of each stock that is broken.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    stocks: dict[UUID, LiveStock] = {}
    broken: dict[UUID, str] = {}
    for event_id, reply in zip(event_ids, _run_each("left", event_ids), strict=True):
        if reply[0] == _BROKEN:
            broken[event_id] = reply[1]
        elif reply[0] == "WARM":
            try:
                stocks[event_id] = _live_stock(reply[1:])
            except ValueError as error:
                broken[event_id] = str(error)
    return stocks, broken


def read_stock(event_id: UUID) -> LiveStock | None:
    """
    Return the stock of one event, or None if it is cold.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    reply = _run("left", event_id)
    return _live_stock(reply[1:]) if reply[0] == "WARM" else None


def lease_rebuild(*, event_id: UUID, milliseconds: int) -> bool:
    """
    Take the lease to rebuild an event's stock. Return False if another process has it.

    The lease is in Redis, so a Redis that loses its data loses the lease too.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    try:
        return bool(get_redis().set(f"{{event:{event_id}}}:rebuild", "", nx=True, px=milliseconds))
    except RedisError as error:
        raise InventoryUnavailable(REDIS_UNAVAILABLE) from error


def _live_stock(words: list[str]) -> LiveStock:
    fields = dict(zip(words[::2], words[1::2], strict=True))
    revision = int(fields.pop("revision", 0))
    left = {
        UUID(name): max(0, int(value))
        for name, value in fields.items()
        if len(name) == _UUID_LENGTH
    }
    return LiveStock(left, revision)


def _run(script: str, event_id: UUID, *arguments: object) -> list[str]:
    reply: list[str] | str = evaluate(script, keys_of(event_id), *arguments)
    return reply if isinstance(reply, list) else [reply]


def evaluate(script: str, keys: list[str], *arguments: object) -> Any:
    """
    Run a script on the keys of one event. Begin a new generation if Redis has lost the script.

    :raises StockIsBroken: if the script fails on the values of these keys
    :raises InventoryUnavailable: if Redis is unavailable
    """
    words = [str(argument) for argument in arguments]
    try:
        try:
            return run_script(script_digest(script), keys, words)
        except NoScriptError:
            ensure_generation()
            return run_script(script_digest(script), keys, words)
    except ResponseError as error:
        raise StockIsBroken(f"Redis cannot run {script}: {error}") from error
    except RedisError as error:
        raise InventoryUnavailable(REDIS_UNAVAILABLE) from error


def _run_each(script: str, event_ids: Collection[UUID], *arguments: object) -> list[list[str]]:
    words = [str(argument) for argument in arguments]

    def run_all() -> list[list[str]]:
        pipeline = get_redis().pipeline(transaction=False)
        for event_id in event_ids:
            keys = keys_of(event_id)
            pipeline.evalsha(script_digest(script), len(keys), *keys, *words)
        # An error of one event must not hide the replies of the others.
        replies = pipeline.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, NoScriptError):
                raise reply
        return [
            [_BROKEN, str(reply)] if isinstance(reply, ResponseError) else reply
            for reply in replies
        ]

    if not event_ids:
        return []
    try:
        try:
            return run_all()
        except NoScriptError:
            ensure_generation()
            return run_all()
    except RedisError as error:
        raise InventoryUnavailable(REDIS_UNAVAILABLE) from error


def keys_of(event_id: UUID) -> list[str]:
    """Return an event's keys: tickets left by type, holds by order, orders by when they are due."""
    # The braces keep an event's keys in one Redis Cluster slot.
    return [f"{{event:{event_id}}}:{name}" for name in ("left", "holds", "due")]
