"""
The counters and histograms of every process, and adding them up for Prometheus.

With `PROMETHEUS_MULTIPROC_DIR`, each process writes its counts to files in that folder, and a
request for metrics adds up all files. Without it, each process shows its own counts only. There are
no gauges, because the value of a process that died would stay.
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
    # The host name is needed, because containers that share the folder may have equal process ids.
    return f"{socket.gethostname().replace('_', '-')}-{pid}"


if settings.METRICS_DIR:
    # Must run before the first counter is made.
    values.ValueClass = values.MultiProcessValue(_name_process)  # type: ignore[no-untyped-call]

_own: Final = CollectorRegistry()

_requests: Final = Counter(
    "bilheteria_http_requests",
    "Requests with a response. `code` is that of the problem, or empty.",
    ["method", "route", "status", "code"],
    registry=_own,
)
_request_seconds: Final = Histogram(
    "bilheteria_http_request_seconds",
    "Seconds from a request to its response.",
    ["method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=_own,
)
_task_seconds: Final = Histogram(
    "bilheteria_task_seconds",
    "Seconds that a task ran, whether it succeeded or failed.",
    ["task"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50),
    registry=_own,
)
_task_failures: Final = Counter(
    "bilheteria_task_failures",
    "Tasks that raised an error. SQS delivers their message again.",
    ["task", "error"],
    registry=_own,
)
_aws_errors: Final = Counter(
    "bilheteria_aws_errors",
    "Calls to AWS that failed. `code` is the error code of AWS, or the name of the exception.",
    ["service", "operation", "code"],
    registry=_own,
)
_stock_failures: Final = Counter(
    "bilheteria_stock_failures",
    "Failures to read, rebuild or change the stock of one event in Redis.",
    ["step"],
    registry=_own,
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def count_request(*, method: str, route: str, status: int, code: str, seconds: float) -> None:
    """Count one request and its response."""
    counter, histogram = _series(method if method in _METHODS else "other", route, status, code)
    counter.inc()
    histogram.observe(seconds)


def count_task(*, task: str, seconds: float, error: Exception | None) -> None:
    """Count one run of a task."""
    _task_seconds.labels(task).observe(seconds)
    if error is not None:
        _task_failures.labels(task, type(error).__name__).inc()


def count_aws_error(*, service: str, operation: str, code: str) -> None:
    """Count a call to AWS that failed or got no response."""
    _aws_errors.labels(service, operation, code).inc()


def count_stock_failure(step: str) -> None:
    """Count a failure that affects the stock of one event only."""
    _stock_failures.labels(step).inc()


def register_counts(registry: CollectorRegistry) -> None:
    """Register the counts of all processes that share our folder in `registry`."""
    if settings.METRICS_DIR:
        MultiProcessCollector(registry, path=settings.METRICS_DIR)  # type: ignore[no-untyped-call]
    else:
        registry.register(_own)


def may_see_metrics(authorization: str) -> bool:
    """Return whether an Authorization header has the token of Prometheus (`METRICS_TOKEN`)."""
    token = settings.METRICS_TOKEN
    given = authorization.removeprefix("Bearer ")
    return bool(token) and secrets.compare_digest(given.encode(), token.encode())


@lru_cache(maxsize=4096)
def _series(method: str, route: str, status: int, code: str) -> tuple[Counter, Histogram]:
    # Cached, because finding a series by its labels takes as long as counting.
    return (
        _requests.labels(method, route, str(status), code),
        _request_seconds.labels(method, route),
    )
