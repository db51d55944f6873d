"""
`make bench-admin`: how long pages of the admin take when one event has sold a million tickets.

The pages are requested one after the other, from a web process with production's settings.
"""

import http.client
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psutil

from tests.bench.stack import BenchStack
from ticketing.stack.environment import inherited_environment
from ticketing.stack.serving import LOOPBACK

_REPEATS: Final = 20
# What an organizer should wait at most, in milliseconds.
_GOAL: Final = 200


def main() -> int:
    """Fill a database, measure, and print a table. Return 1 after a wrong response."""
    os.environ.update(inherited_environment())
    with tempfile.TemporaryDirectory(prefix="bilheteria-bench-") as folder:
        stack = BenchStack(Path(folder))
        try:
            _say("starting the stack with production settings")
            stack.start()
            return _measure(stack)
        finally:
            stack.stop()
            stack.delete()


def _measure(stack: BenchStack) -> int:
    import django  # noqa: PLC0415 - the imports below need the settings of the started stack

    django.setup()
    from django.urls import reverse  # noqa: PLC0415

    from tests.bench import data, one_event  # noqa: PLC0415

    _say("filling the database: one event with 1,000,000 tickets, 200,000 orders, 400,000 entries")
    event = one_event.fill_one_event(data.make_organizer())
    pages = {
        "the home page": "/admin/",
        "the home page, 30 days": "/admin/?days=30",
        "the page of the event": f"/admin/dashboard/{event.pk}/",
        "the page of the event, 90 days": f"/admin/dashboard/{event.pk}/?days=90",
        "the search by an address": "/admin/find/?q=ana1000@example.com",
        "the search by a code": "/admin/find/?q=P0003E8",
        "the search by a name": "/admin/find/?q=Ana",
        "the list of orders": "/admin/orders/order/",
        "the check-in list": f"/admin/tickets/device/check-in/{event.pk}/",
        "the question before a cancellation": reverse(
            "admin:events_event_cancel_this", args=[event.pk]
        ),
    }
    _say(f"load of the machine before: {os.getloadavg()[0]:.1f}; {psutil.cpu_count()} cores")
    _say(f"{'':38}median ms   slowest   CPU ms   goal {_GOAL} ms")
    cookie, wrong = one_event.sign_in_as_owner(event.organizer), 0
    for name, path in pages.items():
        statuses, times, cpu = _request(stack, path, cookie)
        median = statistics.median(times)
        mark = "" if median < _GOAL else "missed"
        _say(f"  {name:36}{median:9.0f}{max(times):10.0f}{cpu:9.0f}   {mark}")
        if statuses != {http.HTTPStatus.OK}:
            _say(f"    WRONG RESPONSES: {sorted(statuses)}")
            wrong += 1
    _say(f"load of the machine after: {os.getloadavg()[0]:.1f}")
    return 1 if wrong else 0


def _request(stack: BenchStack, path: str, cookie: str) -> tuple[set[int], list[float], float]:
    """Return the statuses of all responses, their milliseconds, and the median CPU of one."""
    connection = http.client.HTTPConnection(LOOPBACK, stack.port, timeout=60)
    statuses, times = set(), []
    # The first response fills caches.
    for repeat in range(1 + _REPEATS):
        if repeat == 1:
            cpu = _cpu_seconds(stack)
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": cookie})
        response = connection.getresponse()
        response.read()
        statuses.add(response.status)
        if repeat:
            times.append((time.perf_counter() - began) * 1000)
    connection.close()
    return statuses, times, (_cpu_seconds(stack) - cpu) / _REPEATS * 1000


def _cpu_seconds(stack: BenchStack) -> float:
    """Return what the web process and PostgreSQL have used until now."""
    seconds = 0.0
    for child in stack.roster.children:
        if child.name in {"web", "postgres"} and child.process:
            parent = psutil.Process(child.process.pid)
            for process in (parent, *parent.children(recursive=True)):
                used: Any = process.cpu_times()
                seconds += used.user + used.system
    return seconds


def _say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - output of a command


if __name__ == "__main__":
    sys.exit(main())
