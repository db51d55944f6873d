"""The loads of the shop: the page of an event, the catalogue, and what is left for its readers."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from http import HTTPStatus
from itertools import cycle
from typing import Any, Final

from redis import Redis

from events.models import Event, Organizer
from tests.bench.data import make_event
from tests.bench.driver import Load, drive, make_request
from tests.bench.stack import BenchStack

# So many addresses that no request reaches production's rate limit for each address.
_READERS: Final = 10_000
# The page asks every 4 seconds: 1,000 readers make 250 requests a second.
_ASKING: Final = 250
LIVE: Final = "h. what is left, live"


def page_loads(event: Event, *, address: Callable[[], str]) -> Iterator[Load]:
    """Yield the loads. Their floor is a template without variables, about as long as the pages."""
    floor = make_request("GET", "/page")
    addresses = [address() for _ in range(_READERS)]

    def readers(path: str) -> Callable[[], bytes]:
        requests = cycle([make_request("GET", path, address=reader) for reader in addresses])
        return lambda: next(requests)

    yield Load("g. page of an event", readers(f"/e/{event.slug}"), 200, lambda: floor)
    yield Load("g. catalogue", readers("/"), 200, lambda: floor)


def measure_reads(
    stack: BenchStack, organizer: Organizer, *, seconds: float, wrong: Counter[str]
) -> dict[str, str]:
    """Count the reads of Redis while readers ask as fast as they can what is left of an event."""
    event = make_event(organizer, number=0)
    asking = make_request("GET", f"/e/{event.slug}/live")
    drive(stack.port, lambda: asking, seconds=1)
    client = Redis.from_url(stack.env["REDIS_URL"])
    began, before = time.perf_counter(), client.info("commandstats")
    measured = drive(stack.port, lambda: asking, seconds=seconds)
    passed, after = time.perf_counter() - began, client.info("commandstats")
    for status, count in measured.statuses.items():
        if status != HTTPStatus.OK:
            wrong[f"{LIVE}: {status}"] += count
    reads = (_scripts(after) - _scripts(before)) / passed / stack.web_processes
    readers = measured.rate / _ASKING * 1_000
    return {
        "requests": f"{measured.rate:,.0f} a second, as of {readers:,.0f} readers",
        "reads of Redis": f"{reads:.2f} a second and process (goal: 1 at most)",
    }


def _scripts(stats: dict[str, Any]) -> int:
    # Each reading of a stock calls one script.
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))
