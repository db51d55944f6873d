"""
How often somebody may ask.

Counted in Redis, by its clock. Nothing else depends on it: with Redis away, everybody may.
"""

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import NoScriptError, RedisError

from ticketing.redis import get_redis, run_script, run_script_along, stop_along

logger = logging.getLogger(__name__)

# So long Redis is not asked again after it gave no answer: waiting for it costs each caller time.
_REST_SECONDS: Final = 10
_SCRIPT: Final = (Path(__file__).parent / "lua/take_turn.lua").read_text()
_SCRIPT_DIGEST: Final = hashlib.sha1(_SCRIPT.encode()).hexdigest()  # noqa: S324 - Redis's own
_RATE: Final = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, coming back evenly within so many seconds."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Policy:
    """How often one kind of request is answered: to one token, and to one address."""

    name: str
    per_caller: Rate | None = None
    per_address: Rate | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether it is one's turn, by the tightest of the limits that were asked."""

    granted: bool
    rate: Rate
    left: int
    # Until all that was used is back; to whom was refused, until it is worth asking again.
    seconds: int


class _Rest:
    """When this process asks Redis again."""

    until = 0.0


@cache
def read_policy(name: str, text: str) -> Policy:
    """
    Return the policy that a setting spells: per caller, then per address, as `600/60:3000/60`.

    Either side may be empty, and so may all of it: then nobody is counted.

    :raises ImproperlyConfigured: if it spells none
    """
    if not text.strip():
        return Policy(name)
    sides = text.strip().split(":")
    rates = [_RATE.fullmatch(side) for side in sides]
    if len(sides) != 2 or any(side and not rate for side, rate in zip(sides, rates, strict=True)):  # noqa: PLR2004 - caller, address
        raise ImproperlyConfigured(
            f"RATE_LIMIT_{name.upper()} is {text!r}: give requests/seconds per caller and per"
            " address, such as 600/60:3000/60; or nothing, for no limit."
        )
    return Policy(name, *(Rate(int(rate[1]), int(rate[2])) if rate else None for rate in rates))


def take_turn(limits: Mapping[str, Rate]) -> Turn | None:
    """
    Count one request against each limit, by its name; against none if one of them refuses.

    One round trip. Return None if Redis is away: then nobody is refused.
    """
    return AskedTurn(limits).read()


class AskedTurn:
    """
    A turn that is asked for along with this thread's next question to Redis.

    Until `read` the request may be over its limit: it must change nothing.
    """

    def __init__(self, limits: Mapping[str, Rate], *, along: bool = False) -> None:
        self._limits = limits
        # The braces keep all of them in one Redis Cluster slot.
        self._keys = [f"{{rate}}:{name}" for name in limits]
        numbers = [number for rate in limits.values() for number in (rate.count, rate.seconds)]
        self._words = list(map(str, numbers))
        self._told: Any = None
        self._turn: Turn | None = None
        self._is_read = time.monotonic() < _Rest.until
        if along and not self._is_read:
            run_script_along(_SCRIPT_DIGEST, self._keys, self._words, self._take)

    def read(self) -> Turn | None:
        """Return the turn, asking now if no question took it along. None if Redis is away."""
        if not self._is_read:
            self._is_read = True
            stop_along(self._take)
            self._turn = self._find_out()
        return self._turn

    def _take(self, told: Any) -> None:
        self._told = told

    def _find_out(self) -> Turn | None:
        try:
            if self._told is None:
                self._told = run_script(_SCRIPT_DIGEST, self._keys, self._words)
            elif isinstance(self._told, RedisError):
                raise self._told
        except NoScriptError:
            return self._load_and_ask()
        except RedisError as error:
            _rest(error)
            return None
        return self._spell(self._told)

    def _load_and_ask(self) -> Turn | None:
        try:
            get_redis().script_load(_SCRIPT)
            return self._spell(run_script(_SCRIPT_DIGEST, self._keys, self._words))
        except RedisError as error:
            _rest(error)
            return None

    def _spell(self, told: list[int]) -> Turn:
        granted, place, left, seconds = told
        return Turn(bool(granted), list(self._limits.values())[place - 1], left, seconds)


def _rest(error: RedisError) -> None:
    _Rest.until = time.monotonic() + _REST_SECONDS
    logger.warning("No limits for %d s: Redis is away: %s", _REST_SECONDS, error)
