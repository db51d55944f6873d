"""
The board of a catalogue page: reads the stock of a fixed list of events in one round trip.

The commands are packed once and sent again for each reading. They read by HMGET, which costs Redis
a third of what a script costs. The last command calls a script of the current generation: if Redis
has that script, it had not lost its data when it answered the commands before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from redis.exceptions import NoScriptError, RedisError

from events.stock.generation import current_stamp, ensure_generation, witness_digest
from events.stock.holds import REDIS_UNAVAILABLE, InventoryUnavailable, LiveStock
from ticketing.redis import ask_packed, get_redis, pack_commands

# The key gets a new random value at each change of an event that the catalogue may list.
_CATALOGUE: Final = "catalogue:version"


@dataclass(frozen=True, slots=True)
class BoardReading:
    """The stocks of a board's events, in their order, and the version of the catalogue."""

    # None: the stock of the event is cold, broken, or lacks one of its ticket types.
    stocks: list[LiveStock | None]
    catalogue_version: str | None


class StockBoard:
    """The ticket types of some events, by event, and the packed commands that read their stock."""

    def __init__(self, kinds: Mapping[UUID, Sequence[UUID]]) -> None:
        self.kinds = kinds
        self._commands: list[bytes] = []
        # The stamp of the generation for which the commands were packed.
        self._stamp = ""
        # The stamp, the replies and the result of the last reading.
        self._last: tuple[str, list[Any], BoardReading | None] = ("", [], None)

    def read(self) -> BoardReading:
        """
        Read the stocks and the catalogue version from Redis, in one round trip.

        If nothing has changed since the last reading, return the same object again.

        :raises InventoryUnavailable: if Redis is unavailable
        """
        try:
            try:
                replies = self._send()
            except NoScriptError:
                ensure_generation()
                replies = self._send()
        except RedisError as error:
            raise InventoryUnavailable(REDIS_UNAVAILABLE) from error
        stamp, last_replies, reading = self._last
        if replies == last_replies and stamp == self._stamp and reading is not None:
            return reading
        version, *figures, _witness = replies
        stocks = [
            self._stock_of(kinds, reply)
            for kinds, reply in zip(self.kinds.values(), figures, strict=True)
        ]
        reading = BoardReading(stocks, version)
        self._last = self._stamp, replies, reading
        return reading

    def _send(self) -> list[Any]:
        stamp = current_stamp()
        if self._stamp != stamp:
            self._commands = pack_commands(
                [
                    ("GET", _CATALOGUE),
                    *(
                        (
                            "HMGET",
                            f"{{event:{event_id}}}:left",
                            "generation",
                            "revision",
                            *map(str, kinds),
                        )
                        for event_id, kinds in self.kinds.items()
                    ),
                    ("EVALSHA", witness_digest(stamp), 0),
                ]
            )
            self._stamp = stamp
        replies = ask_packed(self._commands, answers=len(self.kinds) + 2)
        if isinstance(replies[-1], RedisError):
            raise replies[-1]
        return replies

    def _stock_of(
        self, kinds: Sequence[UUID], reply: Sequence[str | None] | RedisError
    ) -> LiveStock | None:
        if isinstance(reply, RedisError):
            # The stock is broken: its key has another type. The audit rebuilds it.
            return None
        generation, revision, *left = reply
        if generation != self._stamp or None in left:
            return None
        figures = {kind: max(0, int(count or 0)) for kind, count in zip(kinds, left, strict=True)}
        return LiveStock(figures, int(revision or 0))


def read_catalogue_version() -> str | None:
    """
    Return the version of the catalogue, which each change of a listed event replaces.

    :raises InventoryUnavailable: if Redis is unavailable
    """
    try:
        return get_redis().get(_CATALOGUE)  # type: ignore[return-value]
    except RedisError as error:
        raise InventoryUnavailable(REDIS_UNAVAILABLE) from error


def renew_catalogue_version(version: str) -> None:
    """
    Write a new version of the catalogue, so that all processes read their cached pages again.

    :raises InventoryUnavailable: if Redis is unavailable; cached pages then expire within seconds
    """
    try:
        get_redis().set(_CATALOGUE, version)
    except RedisError as error:
        raise InventoryUnavailable(REDIS_UNAVAILABLE) from error
