"""The shared Redis client, and a faster connection of each thread for scripts."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from redis.retry import Retry


class _LeavesReplicas:
    """
    A connection that is closed once its server has become a replica.

    After a failover the address of Redis leads to another server, but a connection that stays open
    still leads to the old one, which refuses to write.
    """

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        try:
            return super().read_response(*arguments, **options)  # type: ignore[misc]
        except ReadOnlyError as error:
            self.disconnect()  # type: ignore[attr-defined]
            raise RedisConnectionError(str(error)) from error


def connection_class_of(url: str) -> type:
    """Return the class of connections to a Redis. They are made anew after a failover."""
    parsed = parse_url(url)  # type: ignore[no-untyped-call]
    by_scheme = parsed.get("connection_class", Connection)
    return type("LeavingConnection", (_LeavesReplicas, by_scheme), {})


@cache
def get_redis() -> Redis:
    """
    Return the shared client, with short timeouts.

    A command is retried once if its connection is closed or its server has become a replica, and
    never after a timeout.
    """
    return Redis.from_url(
        settings.REDIS_URL,
        connection_class=connection_class_of(settings.REDIS_URL),
        decode_responses=True,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        socket_timeout=settings.REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        health_check_interval=30,
    )


class _ThreadConnection(threading.local):
    """
    The connection of this thread.

    `client` and `process` say for which client and process it was made: after a fork, or with
    another client, the thread needs a new one.
    """

    client: Redis | None = None
    process = 0
    connection: Any = None
    # A script to send with the next command, and the function that takes its reply.
    along: tuple[Sequence[Any], Callable[[Any], None]] | None = None


_thread = _ThreadConnection()


def run_script(digest: str, keys: Sequence[str], arguments: Sequence[str]) -> Any:
    """
    Run a loaded script in one round trip, on the connection of this thread.

    This takes half of the time of a call of the shared client, which fetches a connection from its
    pool and returns it.

    :raises NoScriptError: if Redis does not have the script
    :raises RedisError: if Redis does not answer in time
    """
    command = ("EVALSHA", digest, len(keys), *keys, *arguments)
    (reply,) = _exchange(_connection().pack_command(*command), 1)
    if isinstance(reply, RedisError):
        raise reply
    return reply


def run_script_along(
    digest: str, keys: Sequence[str], arguments: Sequence[str], take: Callable[[Any], None]
) -> None:
    """
    Run a loaded script in the round trip of this thread's next command, just before that command.

    `take` gets the reply, or the `RedisError` if there is none.
    """
    _thread.along = ("EVALSHA", digest, len(keys), *keys, *arguments), take


def stop_along(take: Callable[[Any], None]) -> None:
    """Cancel `run_script_along` if no command has sent the script yet."""
    if _thread.along is not None and _thread.along[1] == take:
        _thread.along = None


def pack_commands(commands: Sequence[tuple[Any, ...]]) -> list[bytes]:
    """Return commands encoded for the wire, which `ask_packed` can send many times."""
    packed: list[bytes] = _connection().pack_commands(commands)
    return packed


def ask_packed(packed: list[bytes], *, answers: int) -> list[Any]:
    """
    Send the commands of `pack_commands` in one round trip, and return their replies.

    The reply to a command that failed is an exception; it is not raised.

    :raises RedisError: if Redis does not answer in time
    """
    return _exchange(packed, answers)


def _exchange(packed: Sequence[bytes], count: int) -> list[Any]:
    """Send packed commands and return `count` replies. A command that failed has an exception."""
    connection = _connection()
    along, _thread.along = _thread.along, None
    if along is not None:
        # Joined into one piece, because redis-py sends each piece in a packet of its own.
        packed = [b"".join([*connection.pack_command(*along[0]), *packed])]
        count += 1
    try:
        try:
            replies = _send_and_read(connection, packed, count)
        except RedisConnectionError:
            # The connection is closed, so retry once on a new one. Scripts of the stock may
            # run twice without harm; the request may be counted twice against its limits.
            replies = _send_and_read(connection, packed, count)
    except RedisError as error:
        if along is not None:
            along[1](error)
        raise
    if along is not None:
        along[1](replies.pop(0))
    return replies


def _send_and_read(connection: Any, packed: Sequence[bytes], count: int) -> list[Any]:
    try:
        connection.send_packed_command(packed)
        return [_read_reply(connection) for _ in range(count)]
    except BaseException:
        # A reply that stays unread would be returned for the next command.
        connection.disconnect()
        raise


def _read_reply(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        # Return the error instead of raising it, because the replies after it must be read too.
        return error


def _connection() -> Any:
    client = get_redis()
    if _thread.client is not client or _thread.process != os.getpid():
        # The pool must not make it: the pool limits its connections, and would count that of a
        # thread that has ended forever.
        pool = client.connection_pool
        _thread.connection = pool.connection_class(**pool.connection_kwargs)
        _thread.client, _thread.process = client, os.getpid()
    return _thread.connection
