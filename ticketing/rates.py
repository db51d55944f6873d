"""
Rate limits: counting requests in Redis, by the clock of Redis.

Requests are not limited while Redis does not answer.
"""

import hashlib
import logging
import math
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

# After a failure this process does not call Redis for so long: each request would wait for the
# timeout.
_PAUSE_SECONDS: Final = 10
_MICROSECONDS: Final = 1_000_000
_SCRIPT: Final = (Path(__file__).parent / "lua/take_turn.lua").read_text()
_SCRIPT_DIGEST: Final = hashlib.sha1(_SCRIPT.encode()).hexdigest()  # noqa: S324 - as Redis does
_RATE: Final = re.compile(r"([1-9]\d{0,6})/([1-9]\d{0,4})")


@dataclass(frozen=True, slots=True)
class Rate:
    """A limit: `count` requests at once, which become available again evenly over `seconds`."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of one kind of request: for each caller (token), and for each IP address."""

    name: str
    per_caller: Rate | None = None
    per_address: Rate | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """The result of counting one request against its limits."""

    granted: bool
    # The limit with the fewest requests left, or the one that refuses for longest.
    rate: Rate
    left: int
    # If granted: until all requests are available again. If refused: until a retry may succeed.
    seconds: int


class _Rest:
    """When this process may call Redis again after a failure."""

    until = 0.0


@cache
def read_policy(name: str, text: str) -> Policy:
    """
    Parse a setting such as `600/60:3000/60`: the limit per caller, then the limit per address.

    Each side, or all of the text, may be empty: then there is no such limit.

    :raises ImproperlyConfigured: if the text has another form
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
    Count one request against each of the named limits, or against none if one of them refuses.

    It costs one round trip. Return None if Redis does not answer: the request is not limited.
    """
    return AskedTurn(limits).read()


def seconds_until_turn(limits: Mapping[str, Rate]) -> int:
    """
    Return for how many seconds the named limits would refuse a request, without counting it.

    Return 0 if none refuses, or if Redis does not answer.
    """
    if not limits or time.monotonic() < _Rest.until:
        return 0
    try:
        pipeline = get_redis().pipeline(transaction=False)
        pipeline.time()
        pipeline.mget([f"{{rate}}:{name}" for name in limits])
        (second, microsecond), stored = pipeline.execute()
    except RedisError as error:
        _pause(error)
        return 0
    now = second * _MICROSECONDS + microsecond
    return max(
        _seconds_left(max(int(end or 0), now) - now, rate)
        for end, rate in zip(stored, limits.values(), strict=True)
    )


def _seconds_left(used: int, rate: Rate) -> int:
    # As `take_turn.lua` does: a request takes its share of the window, if the share fits into it.
    window = rate.seconds * _MICROSECONDS
    return max(0, math.ceil((used + window // rate.count - window) / _MICROSECONDS))


class AskedTurn:
    """
    A check of limits whose result is read later.

    With `along`, its script is sent in the round trip of this thread's next command to Redis. Until
    `read` returns, the request may be over its limit: the caller must not change anything.
    """

    def __init__(self, limits: Mapping[str, Rate], *, along: bool = False) -> None:
        self._limits = limits
        # The braces put all keys into one slot of a Redis Cluster.
        self._keys = [f"{{rate}}:{name}" for name in limits]
        numbers = [number for rate in limits.values() for number in (rate.count, rate.seconds)]
        self._arguments = list(map(str, numbers))
        self._reply: Any = None
        self._turn: Turn | None = None
        self._is_read = time.monotonic() < _Rest.until
        if along and not self._is_read:
            run_script_along(_SCRIPT_DIGEST, self._keys, self._arguments, self._take)

    def read(self) -> Turn | None:
        """Return the result. If no other command has sent the script yet, run it now."""
        if not self._is_read:
            self._is_read = True
            stop_along(self._take)
            self._turn = self._get_turn()
        return self._turn

    def _take(self, reply: Any) -> None:
        self._reply = reply

    def _get_turn(self) -> Turn | None:
        try:
            if self._reply is None:
                self._reply = run_script(_SCRIPT_DIGEST, self._keys, self._arguments)
            elif isinstance(self._reply, RedisError):
                raise self._reply
        except NoScriptError:
            return self._load_and_run()
        except RedisError as error:
            _pause(error)
            return None
        return self._parse(self._reply)

    def _load_and_run(self) -> Turn | None:
        try:
            get_redis().script_load(_SCRIPT)
            return self._parse(run_script(_SCRIPT_DIGEST, self._keys, self._arguments))
        except RedisError as error:
            _pause(error)
            return None

    def _parse(self, reply: list[int]) -> Turn:
        granted, place, left, seconds = reply
        return Turn(bool(granted), list(self._limits.values())[place - 1], left, seconds)


def _pause(error: RedisError) -> None:
    _Rest.until = time.monotonic() + _PAUSE_SECONDS
    logger.warning("Requests are not limited for %d s: Redis is away: %s", _PAUSE_SECONDS, error)
