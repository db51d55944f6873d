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
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import NoScriptError, RedisError

from ticketing.redis import get_redis, run_script

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
    if time.monotonic() < _Rest.until:
        return None
    # The braces keep all of them in one Redis Cluster slot.
    keys = [f"{{rate}}:{name}" for name in limits]
    words = [str(number) for rate in limits.values() for number in (rate.count, rate.seconds)]
    try:
        granted, place, left, seconds = _ask(keys, words)
    except RedisError as error:
        _Rest.until = time.monotonic() + _REST_SECONDS
        logger.warning("No limits for %d s: Redis is away: %s", _REST_SECONDS, error)
        return None
    return Turn(bool(granted), list(limits.values())[place - 1], left, seconds)


def _ask(keys: list[str], words: list[str]) -> list[int]:
    answer: list[int]
    try:
        answer = run_script(_SCRIPT_DIGEST, keys, words)
    except NoScriptError:
        get_redis().script_load(_SCRIPT)
        answer = run_script(_SCRIPT_DIGEST, keys, words)
    return answer
