"""
What is left at the same events, asked for again and again: a page of the catalogue.

The question is put together once and sent in one round trip. It reads without a script, which
costs Redis a third. Whether Redis is still the one that we filled is asked in the same breath, and
last: a script of this generation that is there proves that nothing was lost before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from redis.exceptions import NoScriptError, RedisError

from events.stock.generation import current_stamp, ensure_generation, witness_digest
from events.stock.holds import InventoryUnavailable, LiveStock
from ticketing.redis import ask_packed, get_redis, pack_commands

# Set anew whenever an event changes that the catalogue may show.
_CATALOGUE: Final = "catalogue:version"


@dataclass(frozen=True, slots=True)
class BoardReading:
    """What Redis says of the events of a board, in their order, and of the catalogue."""

    # None: Redis does not know the event.
    stocks: list[LiveStock | None]
    catalogue_version: str | None


class StockBoard:
    """Some events and their ticket types, and the question for what is left of them."""

    def __init__(self, kinds: Mapping[UUID, Sequence[UUID]]) -> None:
        self.kinds = kinds
        self._question: list[bytes] = []
        self._stamp = ""
        # The stamp and the words of the last reading, and what they said.
        self._before: tuple[str, list[Any], BoardReading | None] = ("", [], None)

    def read(self) -> BoardReading:
        """
        Return what Redis says now, in one round trip.

        If it says the same as before, that is the very reading of before.

        :raises InventoryUnavailable: if Redis is away
        """
        try:
            try:
                raw = self._ask()
            except NoScriptError:
                ensure_generation()
                raw = self._ask()
        except RedisError as error:
            raise InventoryUnavailable("Redis is away.") from error
        stamp, last, reading = self._before
        if raw == last and stamp == self._stamp and reading is not None:
            return reading
        version, *figures, _witness = raw
        stocks = [
            self._stock_of(kinds, answer)
            for kinds, answer in zip(self.kinds.values(), figures, strict=True)
        ]
        reading = BoardReading(stocks, version)
        self._before = self._stamp, raw, reading
        return reading

    def _ask(self) -> list[Any]:
        stamp = current_stamp()
        if self._stamp != stamp:
            self._question = pack_commands(
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
        answers = ask_packed(self._question, answers=len(self.kinds) + 2)
        if isinstance(answers[-1], RedisError):
            raise answers[-1]
        return answers

    def _stock_of(
        self, kinds: Sequence[UUID], answer: Sequence[str | None] | RedisError
    ) -> LiveStock | None:
        if isinstance(answer, RedisError):
            # Broken in Redis. The audit rebuilds it.
            return None
        generation, revision, *left = answer
        if generation != self._stamp or None in left:
            return None
        figures = {kind: max(0, int(count or 0)) for kind, count in zip(kinds, left, strict=True)}
        return LiveStock(figures, int(revision or 0))


def read_catalogue_version() -> str | None:
    """
    Return what is different after each change that the catalogue may show.

    :raises InventoryUnavailable: if Redis is away
    """
    try:
        return get_redis().get(_CATALOGUE)  # type: ignore[return-value]
    except RedisError as error:
        raise InventoryUnavailable("Redis is away.") from error


def renew_catalogue_version(version: str) -> None:
    """
    Let all who remember a page of the catalogue know that it may have changed.

    :raises InventoryUnavailable: if Redis is away; what is remembered is soon forgotten anyway
    """
    try:
        get_redis().set(_CATALOGUE, version)
    except RedisError as error:
        raise InventoryUnavailable("Redis is away.") from error
