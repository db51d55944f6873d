"""
The generation: how we notice that Redis has lost its data.

A generation is the time between two losses of data in Redis. The text of each Lua script begins
with the stamp of the generation, so the script's SHA depends on it. A Redis that restarted or
failed over has lost its scripts and raises NOSCRIPT. A new generation then begins with a new stamp,
and stock written under the old stamp is cold. Do not use redis-py's `register_script`: it loads a
lost script again and so hides the loss. A Redis that was only flushed keeps its scripts and the
generation: the stock that it lost is cold.

Two releases share one generation while both run, even if some of their scripts differ. Redis loses
all its scripts at once or none, so a single script that is still there proves that nothing is lost.
"""

import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path

from django.db import transaction

from events.models import InventoryGeneration
from ticketing.ids import new_id
from ticketing.redis import get_redis

# A script whose text never changes, so that all releases have it in common.
_WITNESS = "witness"
_SCRIPTS = {_WITNESS: "return 1"} | {
    path.stem: path.read_text() for path in Path(__file__).parent.glob("lua/*.lua")
}


class _Generation:
    """The stamp of the generation, as this process last read it."""

    stamp = ""


def script_digest(name: str) -> str:
    """Return the SHA by which a script of the current generation is called."""
    return _digest(name, current_stamp())


def current_stamp() -> str:
    """Return the stamp of the generation. It may be stale: the next script then raises NOSCRIPT."""
    if not _Generation.stamp:
        ensure_generation()
    return _Generation.stamp


def witness_digest(stamp: str) -> str:
    """Return the SHA of a script that does nothing. Redis loses it together with its data."""
    return _digest(_WITNESS, stamp)


def ensure_generation() -> None:
    """
    Read the current generation from PostgreSQL, and begin a new one if Redis lost its scripts.

    :raises RedisError: if Redis is unavailable
    """
    # They may lead to a server that has the scripts, but is only a replica since a failover.
    get_redis().connection_pool.disconnect(inuse_connections=False)
    with transaction.atomic():
        InventoryGeneration.objects.get_or_create(pk=1, defaults={"stamp": str(new_id())})
        # The row lock lets one process begin a new generation while the others wait.
        row = InventoryGeneration.objects.select_for_update().get(pk=1)
        if not _is_loaded(row.stamp):
            row.stamp = str(new_id())
            _load(_SCRIPTS, row.stamp)
            row.save(update_fields=["stamp"])
    _Generation.stamp = row.stamp


def _is_loaded(stamp: str) -> bool:
    loaded = _loaded(_SCRIPTS, stamp)
    missing = _SCRIPTS.keys() - loaded
    if missing and loaded:
        # Another release, with other scripts, began this generation: add ours to it.
        _load(missing, stamp)
        # Check the scripts that were there before once more: Redis may have restarted meanwhile.
        loaded = _loaded(loaded, stamp)
    return bool(loaded)


def _loaded(names: Collection[str], stamp: str) -> list[str]:
    exist = get_redis().script_exists(*(_digest(name, stamp) for name in names))
    return [name for name, exists in zip(names, exist, strict=True) if exists]


def _load(names: Collection[str], stamp: str) -> None:
    for name in names:
        get_redis().script_load(_text(name, stamp))


@cache
def _digest(name: str, stamp: str) -> str:
    return hashlib.sha1(_text(name, stamp).encode()).hexdigest()  # noqa: S324 - as Redis does


def _text(name: str, stamp: str) -> str:
    return f"local GENERATION = '{stamp}'\n{_SCRIPTS[name]}"
