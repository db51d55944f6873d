"""
Tickets set aside in Redis while a buyer pays, and how many are left.

A hold is a courtesy to the buyer, never the promise: that is `events.stock.record`. Nothing is
released on Redis's own authority, and if it forgets everything, the record can refill it.
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

# Answered in the place of a script that failed for one event.
_BROKEN = "BROKEN"
# Beside what is left of each type, named by its id, the hash tells capacities and more.
_UUID_LENGTH = 36


class InventoryUnavailable(Unavailable):
    """Redis is away, or does not know the stock yet."""

    code = "inventory_unavailable"
    title = "We cannot tell what is left just now"


class StockIsCold(InventoryUnavailable):
    """Redis is there but has no stock of this event: it must be rebuilt from the record."""


class StockIsBroken(InventoryUnavailable):
    """Redis is there and cannot work with what it has of this event. The audit rebuilds it."""


class StockRunsOut(SoldOut):
    """Redis has too few left. With holds overdue, it is worth asking about those first."""

    def __init__(self, *, ticket_type_id: UUID, left: int, overdue: int, revision: int) -> None:
        super().__init__(f"{left} left")
        self.ticket_type_id = ticket_type_id
        self.left = left
        self.overdue = overdue
        self.revision = revision


class HoldAction(StrEnum):
    """What becomes of a hold. The values are words of `lua/verdict.lua`."""

    RELEASE = "release"
    SETTLE = "settle"
    RETIME = "retime"


@dataclass(frozen=True, slots=True)
class HoldDecision:
    """What PostgreSQL decided about the hold of one order."""

    order_id: UUID
    action: HoldAction
    # Of RETIME: for how long the hold lasts from now on.
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class LiveStock:
    """What is left of each type, and the newest revision of the event that Redis was told of."""

    left: dict[UUID, int]
    revision: int


def hold_tickets(
    *, event_id: UUID, order_id: UUID, quantities: Mapping[UUID, int], milliseconds: int
) -> int:
    """
    Set tickets aside for one order, every item or none. Return the epoch they were taken in.

    :raises StockRunsOut: if any of them is sold or held by others
    :raises StockIsCold: if Redis has no stock of this event; nothing was taken
    :raises InventoryUnavailable: if Redis is away; a hold that it made nonetheless runs out
    """
    items = [word for pair in quantities.items() for word in pair]
    answer, epoch, *detail = _run("reserve", event_id, order_id, milliseconds, *items)
    if answer == "SOLD_OUT":
        raise StockRunsOut(
            ticket_type_id=UUID(detail[0]),
            left=max(0, int(detail[1])),
            overdue=int(detail[2]),
            revision=int(detail[3]),
        )
    if answer != "HELD":
        raise StockIsCold(f"The stock of event {event_id} must be read again.")
    return int(epoch)


def release_holds(*, event_id: UUID, order_ids: Iterable[UUID]) -> None:
    """Put held tickets back on sale, after the commit that ended their orders."""
    released = [HoldDecision(order_id, HoldAction.RELEASE) for order_id in order_ids]
    try_to_apply_decisions(event_id=event_id, decisions=released)


def settle_hold(*, event_id: UUID, order_id: UUID) -> None:
    """Drop the hold of a sold order, after the commit that counts its tickets as sold."""
    settled = HoldDecision(order_id, HoldAction.SETTLE)
    try_to_apply_decisions(event_id=event_id, decisions=[settled])


def retime_hold(*, event_id: UUID, order_id: UUID, milliseconds: int) -> None:
    """Let a hold last for so long from now on, after the commit that decided it."""
    retimed = HoldDecision(order_id, HoldAction.RETIME, milliseconds)
    try_to_apply_decisions(event_id=event_id, decisions=[retimed])


def try_to_apply_decisions(*, event_id: UUID, decisions: Iterable[HoldDecision]) -> None:
    """
    Apply decisions if Redis is there.

    If it is away, the holds become overdue, and the cleanup asks the database about them again.
    """
    try:
        apply_decisions(event_id=event_id, decisions=decisions)
    except InventoryUnavailable:
        logger.warning("Verdicts on holds of event %s wait for Redis.", event_id)


def apply_decisions(*, event_id: UUID, decisions: Iterable[HoldDecision]) -> int:
    """
    Apply decisions about an event's holds, all in one call. Return how many holds were there.

    A cold stock has no holds: the rebuild will know of the decision.

    :raises InventoryUnavailable: if Redis is away
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
    Return overdue holds of each event that has some, so many at most, in one round trip.

    They are leased: for a while they are not returned again. A broken stock has none.

    :raises InventoryUnavailable: if Redis is away
    """
    answers = _run_each("due", event_ids, limit, lease_milliseconds)
    return {
        event_id: [UUID(order) for order in answer[1:]]
        for event_id, answer in zip(event_ids, answers, strict=True)
        if answer[0] == "DONE" and answer[1:]
    }


def read_stocks(event_ids: Collection[UUID]) -> dict[UUID, LiveStock]:
    """
    Return the stock of each event that Redis knows, in one round trip.

    :raises InventoryUnavailable: if Redis is away
    """
    return check_stocks(event_ids)[0]


def check_stocks(event_ids: Collection[UUID]) -> tuple[dict[UUID, LiveStock], dict[UUID, str]]:
    """
    Return the stock of each event that Redis knows, and what is wrong with each that is broken.

    :raises InventoryUnavailable: if Redis is away
    """
    stocks: dict[UUID, LiveStock] = {}
    broken: dict[UUID, str] = {}
    for event_id, answer in zip(event_ids, _run_each("left", event_ids), strict=True):
        if answer[0] == _BROKEN:
            broken[event_id] = answer[1]
        elif answer[0] == "WARM":
            try:
                stocks[event_id] = _live_stock(answer[1:])
            except ValueError as error:
                broken[event_id] = str(error)
    return stocks, broken


def read_stock(event_id: UUID) -> LiveStock | None:
    """
    Return the stock of one event, if Redis knows it.

    :raises InventoryUnavailable: if Redis is away
    """
    answer = _run("left", event_id)
    return _live_stock(answer[1:]) if answer[0] == "WARM" else None


def lease_rebuild(*, event_id: UUID, milliseconds: int) -> bool:
    """
    Say whether the caller is the one reader that rebuilds this event's stock, for so long.

    A Redis that loses its data forgets the lease with it.

    :raises InventoryUnavailable: if Redis is away
    """
    try:
        return bool(get_redis().set(f"{{event:{event_id}}}:rebuild", "", nx=True, px=milliseconds))
    except RedisError as error:
        raise InventoryUnavailable("Redis is away.") from error


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
    answer: list[str] | str = evaluate(script, keys_of(event_id), *arguments)
    return answer if isinstance(answer, list) else [answer]


def evaluate(script: str, keys: list[str], *arguments: object) -> Any:
    """
    Run a script on the keys of one event.

    :raises StockIsBroken: if Redis cannot run it on what these keys hold
    :raises InventoryUnavailable: if Redis is away
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
        raise InventoryUnavailable("Redis is away.") from error


def _run_each(script: str, event_ids: Collection[UUID], *arguments: object) -> list[list[str]]:
    words = [str(argument) for argument in arguments]

    def ask() -> list[list[str]]:
        pipeline = get_redis().pipeline(transaction=False)
        for event_id in event_ids:
            keys = keys_of(event_id)
            pipeline.evalsha(script_digest(script), len(keys), *keys, *words)
        # One event's error is not the others'.
        answers = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, NoScriptError):
                raise answer
        return [
            [_BROKEN, str(answer)] if isinstance(answer, ResponseError) else answer
            for answer in answers
        ]

    if not event_ids:
        return []
    try:
        try:
            return ask()
        except NoScriptError:
            ensure_generation()
            return ask()
    except RedisError as error:
        raise InventoryUnavailable("Redis is away.") from error


def keys_of(event_id: UUID) -> list[str]:
    """Return the keys of what is left, of the holds, and of when they are due."""
    # The braces keep an event's keys in one Redis Cluster slot.
    return [f"{{event:{event_id}}}:{name}" for name in ("left", "holds", "due")]
