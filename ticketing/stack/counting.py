"""Adds each request's PostgreSQL queries and Redis round trips to its log line, for `make dev`."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from redis.connection import Connection
from structlog.contextvars import bind_contextvars, unbind_contextvars

from ticketing.redis import get_redis


class _Counts(threading.local):
    """The counts of the request that this thread serves."""

    queries = 0
    round_trips = 0


_counts = _Counts()


class CountingMiddleware:
    """Counts a request's statements sent to PostgreSQL and round trips to Redis."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        get_redis().connection_pool.connection_class = _CountedConnection

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        unbind_contextvars("queries", "round_trips")
        _counts.queries = _counts.round_trips = 0
        with connection.execute_wrapper(_count_query):
            response = self.get_response(request)
        # MeasuringMiddleware logs the request after this returns, with all bound variables.
        bind_contextvars(queries=_counts.queries, round_trips=_counts.round_trips)
        return response


class _CountedConnection(Connection):
    def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - redis-py's signature
        _counts.round_trips += 1
        super().send_packed_command(command, check_health)  # type: ignore[no-untyped-call]


def _count_query(execute: Callable[..., Any], *arguments: Any) -> Any:
    _counts.queries += 1
    return execute(*arguments)
