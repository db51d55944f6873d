"""
What every process counts, and how the counts of all of them become one page.

With `PROMETHEUS_MULTIPROC_DIR` each process keeps its counts in a file of that folder, and whoever
is asked adds all files up. Without it each process knows its own only. Nothing here is a gauge: a
process that died leaves no figure that would have to be taken back.
"""

import os
import secrets
import socket
from functools import cache, lru_cache
from typing import Final

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector


def _name_process() -> str:
    return _name(os.getpid())


@cache
def _name(pid: int) -> str:
    # Two containers may share the folder, and each has a process 1.
    return f"{socket.gethostname().replace('_', '-')}-{pid}"


if settings.METRICS_DIR:
    # Before the first figure is made.
    values.ValueClass = values.MultiProcessValue(_name_process)  # type: ignore[no-untyped-call]

_own: Final = CollectorRegistry()

_requests: Final = Counter(
    "bilheteria_http_requests",
    "Requests answered. `code` is the problem's, and empty where there was none.",
    ["method", "route", "status", "code"],
    registry=_own,
)
_request_seconds: Final = Histogram(
    "bilheteria_http_request_seconds",
    "How long it took to answer.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=_own,
)
_task_seconds: Final = Histogram(
    "bilheteria_task_seconds",
    "How long a task ran, well or not.",
    ["task"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50),
    registry=_own,
)
_task_failures: Final = Counter(
    "bilheteria_task_failures",
    "Tasks that raised, and whose message therefore comes again.",
    ["task", "error"],
    registry=_own,
)
_aws_errors: Final = Counter(
    "bilheteria_aws_errors",
    "Calls to AWS that failed. `code` is what AWS said, or the name of the exception.",
    ["service", "operation", "code"],
    registry=_own,
)
_stock_failures: Final = Counter(
    "bilheteria_stock_failures",
    "Times that the stock of one event could not be read, rebuilt or changed in Redis.",
    ["step"],
    registry=_own,
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_request(*, method: str, route: str, status: int, code: str, seconds: float) -> None:
    """Count one answer."""
    counter, histogram = _series(method if method in _METHODS else "other", route, status, code)
    counter.inc()
    histogram.observe(seconds)


def count_task(*, task: str, seconds: float, error: Exception | None) -> None:
    """Count one run of a task."""
    _task_seconds.labels(task).observe(seconds)
    if error is not None:
        _task_failures.labels(task, type(error).__name__).inc()


def count_aws_error(*, service: str, operation: str, code: str) -> None:
    """Count a call that AWS refused, or did not answer."""
    _aws_errors.labels(service, operation, code).inc()


def count_stock_failure(step: str) -> None:
    """Count a failure of one event's stock, which the stocks of other events do not have."""
    _stock_failures.labels(step).inc()


def register_counts(registry: CollectorRegistry) -> None:
    """Let `registry` show what all processes that share our folder have counted."""
    if settings.METRICS_DIR:
        MultiProcessCollector(registry, path=settings.METRICS_DIR)  # type: ignore[no-untyped-call]
    else:
        registry.register(_own)


def may_see_metrics(authorization: str) -> bool:
    """Say whether somebody who shows this header is Prometheus."""
    token = settings.METRICS_TOKEN
    shown = authorization.removeprefix("Bearer ")
    return bool(token) and secrets.compare_digest(shown.encode(), token.encode())


@lru_cache(maxsize=4096)
def _series(method: str, route: str, status: int, code: str) -> tuple[Counter, Histogram]:
    # To find a series by its labels costs as much as to count.
    return (
        _requests.labels(method, route, str(status), code),
        _request_seconds.labels(method, route),
    )
