"""The reading loads: list of events, search, the API's document, an event with empty Redis."""

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Final
from urllib.parse import quote

from redis import Redis

from events.models import Organizer
from tests.bench import data
from tests.bench.driver import Load, make_request
from tests.bench.stack import BenchStack

# So many addresses that no request reaches production's rate limit for each address.
_READERS: Final = 10_000
_SECONDS_AFTER_A_LOSS: Final = 2.0


def crowd_loads(
    stack: BenchStack, organizer: Organizer, *, address: Callable[[], str]
) -> Iterator[Load]:
    """Make 5,000 future events, and yield the loads. Their floor is a constant response."""
    data.fill_the_catalogue(organizer)
    early = data.make_event_before_its_sale(organizer)
    constant = make_request("GET", "/constant")
    addresses = [address() for _ in range(_READERS)]

    def readers(*paths: str, packed: bool = False) -> Iterator[bytes]:
        path = cycle(paths)
        return cycle(
            [make_request("GET", next(path), address=reader, packed=packed) for reader in addresses]
        )

    listing = readers("/events")
    searching = readers(*(f"/events?q={quote(word)}" for word in data.search_words()))
    opening = readers("/schema", packed=True)
    waiting = readers(f"/events/{early.pk}")

    def lose_redis() -> None:
        client = Redis.from_url(stack.env["REDIS_URL"])
        client.flushall()
        client.script_flush()

    yield Load("f. list 20 of 5,000 events", lambda: next(listing), 200, lambda: constant)
    yield Load("f. search 5,000 events", lambda: next(searching), 200, lambda: constant)
    yield Load("f. read the document", lambda: next(opening), 200, lambda: constant)
    yield Load(
        "f. read an event, Redis just lost all",
        lambda: next(waiting),
        200,
        lambda: constant,
        before=lose_redis,
        seconds=_SECONDS_AFTER_A_LOSS,
    )
