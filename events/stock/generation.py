"""
Whether Redis still is the Redis that we filled.

A stamp stands at the head of each script's text, and so in its SHA. A Redis that restarted, failed
over or was flushed has lost its scripts; then the stamp changes, and stock written under the old
one is cold.
(redis-py's own `register_script` would load the same text again, and hide exactly this.)

Two releases share one generation while both run, also if some of their scripts differ: Redis loses
all scripts at once or none, so one that it still has shows that it lost nothing.
"""

import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path

from django.db import transaction

from events.models import InventoryGeneration
from ticketing.ids import new_id
from ticketing.redis import get_redis

# A script that is the same in every release.
_WITNESS = "witness"
_SCRIPTS = {_WITNESS: "return 1"} | {
    path.stem: path.read_text() for path in Path(__file__).parent.glob("lua/*.lua")
}


class _Generation:
    """The stamp that this process believes in."""

    stamp = ""


def script_digest(name: str) -> str:
    """Return the SHA by which a script of the current generation is called."""
    return _digest(name, current_stamp())


def current_stamp() -> str:
    """Return the stamp of the current generation, as far as this process knows."""
    if not _Generation.stamp:
        ensure_generation()
    return _Generation.stamp


def witness_digest(stamp: str) -> str:
    """Return the SHA of a script that does nothing: a Redis that has it has lost nothing."""
    return _digest(_WITNESS, stamp)


def ensure_generation() -> None:
    """
    Find out which generation lives, and start a new one if Redis has lost its scripts.

    :raises RedisError: if Redis is away
    """
    with transaction.atomic():
        InventoryGeneration.objects.get_or_create(pk=1, defaults={"stamp": str(new_id())})
        # The lock makes one process start a new generation while the others wait for it.
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
        # Another release began this generation.
        _load(missing, stamp)
        # Those that were there before: Redis may have restarted since.
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
    return hashlib.sha1(_text(name, stamp).encode()).hexdigest()  # noqa: S324 - Redis's own


def _text(name: str, stamp: str) -> str:
    return f"local GENERATION = '{stamp}'\n{_SCRIPTS[name]}"
