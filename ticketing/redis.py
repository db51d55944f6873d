"""The one Redis client, and a shorter way for scripts."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry


@cache
def get_redis() -> Redis:
    """
    Return the shared client. Its timeouts are short.

    A connection found dead is opened again once; an answer that is late is not waited for again.
    """
    return Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        health_check_interval=30,
    )


class _Own(threading.local):
    """A thread's connection, and whose it is: a fork or another client needs another."""

    client: Redis | None = None
    process = 0
    connection: Any = None
    # A script that goes with the next one, and who takes its answer.
    along: tuple[Sequence[Any], Callable[[Any], None]] | None = None


_own = _Own()


def run_script(digest: str, keys: Sequence[str], arguments: Sequence[str]) -> Any:
    """
    Run a loaded script in one round trip, by this thread's own connection.

    It does as the shared client does, but takes half of the time that a call of that one takes: no
    connection is fetched and given back.

    :raises NoScriptError: if Redis does not have it
    :raises RedisError: if Redis is away or late
    """
    command = ("EVALSHA", digest, len(keys), *keys, *arguments)
    (answer,) = _ask(_connection().pack_command(*command), 1)
    if isinstance(answer, RedisError):
        raise answer
    return answer


def run_script_along(
    digest: str, keys: Sequence[str], arguments: Sequence[str], take: Callable[[Any], None]
) -> None:
    """
    Run a loaded script in the round trip of this thread's next question, just before it.

    `take` gets the answer, or the `RedisError` in the place of one.
    """
    _own.along = ("EVALSHA", digest, len(keys), *keys, *arguments), take


def stop_along(take: Callable[[Any], None]) -> None:
    """Take back what still waits for this thread's next question."""
    if _own.along is not None and _own.along[1] == take:
        _own.along = None


def pack_commands(commands: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Return commands as they go over the wire, to be sent again and again by `ask_packed`."""
    packed: list[bytes] = _connection().pack_commands(commands)
    return packed


def ask_packed(packed: list[bytes], *, answers: int) -> list[Any]:
    """
    Send commands that were packed before, all in one round trip, and return their answers.

    The answer to a command that failed is the error: the others have theirs.

    :raises RedisError: if Redis is away or late
    """
    return _ask(packed, answers)


def _ask(packed: Sequence[bytes], count: int) -> list[Any]:
    """Return the answers to packed commands, an error in the place of that of one that failed."""
    connection = _connection()
    along, _own.along = _own.along, None
    if along is not None:
        # In one piece: redis-py sends each of several by itself.
        packed = [b"".join([*connection.pack_command(*along[0]), *packed])]
        count += 1
    try:
        try:
            told = _send_and_read(connection, packed, count)
        except RedisConnectionError:
            # It was dead: once more, by a new one. Scripts of the stock find what they did the
            # first time; a request is counted twice against its limits.
            told = _send_and_read(connection, packed, count)
    except RedisError as error:
        if along is not None:
            along[1](error)
        raise
    if along is not None:
        along[1](told.pop(0))
    return told


def _send_and_read(connection: Any, packed: Sequence[bytes], count: int) -> list[Any]:
    try:
        connection.send_packed_command(packed)
        return [_read_answer(connection) for _ in range(count)]
    except BaseException:
        # Whatever it was: an answer that was not read would be taken for that to the next question.
        connection.disconnect()
        raise


def _read_answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        # The answers after it must be read too, or the next question would get them.
        return error


def _connection() -> Any:
    client = get_redis()
    if _own.client is not client or _own.process != os.getpid():
        # Not one of the pool's: it counts those that it has made, and of a thread that ended it
        # would never learn.
        pool = client.connection_pool
        _own.connection = pool.connection_class(**pool.connection_kwargs)
        _own.client, _own.process = client, os.getpid()
    return _own.connection
