"""Pages of the list of events are cached; the tickets left and changes are always current."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework.test import APIClient

from events import changes, list_answers, listing
from events.catalogue import CatalogueFilter
from events.models import Event, EventStatus
from events.organizing import cancel_event, change_event
from events.publishing import publish_event
from events.stock.holds import InventoryUnavailable
from events.stock.record import recorded_left_by_type
from events.ticket_types import change_capacity
from orders.cancellation import cancel_order
from tests.make import SOMEBODY, as_organizer, make_event, make_organizer, make_reserved_order
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)


def names(api: APIClient, path: str = "/events") -> list[str]:
    response = api.get(path)
    assert response.status_code == 200, response.json()
    return [event["name"] for event in response.json()["results"]]


def make(name: str, *, status: str = EventStatus.PUBLISHED, days: int = 30) -> Event:
    starts_at = clock.now() + timedelta(days=days)
    return make_event(
        name=name, status=status, capacity=10, starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=4),
    )  # fmt: skip


def rename(event: Event) -> None:
    change_event(
        event_id=event.pk, fields={"name": "Renamed"}, ticket_types=None, actor=SOMEBODY,
        now=clock.now(),
    )  # fmt: skip


def publish(event: Event) -> None:
    publish_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())


def cancel(event: Event) -> None:
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())


@pytest.mark.parametrize(
    ("change", "status", "shown"),
    [
        (rename, EventStatus.PUBLISHED, ["First", "Renamed"]),
        (publish, EventStatus.DRAFT, ["First", "Second"]),
        (cancel, EventStatus.PUBLISHED, ["First"]),
    ],
)
def test_a_change_by_an_organizer_is_in_the_next_response(
    api: APIClient, change: Callable[[Event], None], status: str, shown: list[str]
):
    make("First")
    event = make("Second", status=status, days=31)
    names(api)

    change(event)

    assert names(api) == shown
    assert api.get("/events").json()["count"] == len(shown)


def test_a_new_event_is_in_the_next_response(api: APIClient):
    make("First")
    assert names(api) == ["First"]

    make("Second", days=31)

    assert names(api) == ["First", "Second"]


def test_the_list_always_shows_the_current_tickets_left(api: APIClient):
    event = make("First")
    kind = event.ticket_types.get()

    def left() -> tuple[int, int, bool]:
        (shown,) = api.get("/events").json()["results"]
        return shown["available"], shown["ticket_types"][0]["available"], shown["sold_out"]

    assert left() == (10, 10, False)
    order = make_reserved_order(ticket_type=kind, quantity=10)
    assert left() == (0, 0, True)
    cancel_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())
    assert left() == (10, 10, False)
    change_capacity(ticket_type_id=kind.pk, capacity=12)
    assert left() == (12, 12, False)


def test_a_change_that_could_not_be_announced_is_listed_within_seconds(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
):
    event = make("First")
    names(api)

    def raise_unavailable(**_: object) -> None:
        raise InventoryUnavailable("Redis is unavailable.")

    with monkeypatch.context() as cut:
        cut.setattr(changes, "announce_revision", raise_unavailable)
        rename(event)
    monkeypatch.setattr(listing, "_EXPIRY_SECONDS", 0.0)

    assert names(api) == ["Renamed"]


def test_figures_of_a_redis_that_lost_its_scripts_are_not_shown(api: APIClient, redis: Redis):
    event = make("First")
    kind = event.ticket_types.get()
    names(api)
    # As after a restart of Redis: it has figures from its last snapshot, and no scripts.
    redis.hset(f"{{event:{event.pk}}}:left", str(kind.pk), 3)
    redis.script_flush()

    (shown,) = api.get("/events").json()["results"]

    assert shown["available"] == 10
    assert recorded_left_by_type([event.pk]) == {kind.pk: 10}


def test_a_broken_stock_does_not_affect_other_events_of_the_list(api: APIClient, redis: Redis):
    broken, other = make("First"), make("Second", days=31)
    make_reserved_order(ticket_type=other.ticket_types.get(), quantity=4)
    names(api)
    redis.delete(f"{{event:{broken.pk}}}:left")
    redis.set(f"{{event:{broken.pk}}}:left", "not a hash")

    for _time in range(2):
        shown = api.get("/events").json()["results"]
        assert [event["available"] for event in shown] == [10, 6]


def test_without_redis_a_cached_page_shows_the_records_figures(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
):
    event = make("First")
    make_reserved_order(ticket_type=event.ticket_types.get(), quantity=3)
    names(api)

    def raise_unavailable(*_: object, **__: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr("events.stock.board.ask_packed", raise_unavailable)
    # The page is cached: the two queries read the tickets held and promised.
    with CaptureQueriesContext(connection) as queries:
        shown = api.get("/events").json()

    assert [event["available"] for event in shown["results"]] == [7]
    assert len(queries) == 2


def test_without_redis_and_cache_the_list_shows_the_records_figures(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
):
    event = make("First")
    make_reserved_order(ticket_type=event.ticket_types.get(), quantity=3)

    def raise_unavailable() -> str:
        raise InventoryUnavailable("Redis is unavailable.")

    monkeypatch.setattr(listing, "read_catalogue_version", raise_unavailable)
    shown = api.get("/events").json()

    assert [event["available"] for event in shown["results"]] == [7]


def test_pages_have_the_size_and_links_of_the_query(api: APIClient):
    for number in range(5):
        make(f"Event {number}", days=30 + number)

    for _time in range(2):
        second = api.get("/events?page_size=2&page=2&ordering=-starts_at").json()
        last = api.get("/events?page_size=2&page=3&ordering=-starts_at").json()

        assert [event["name"] for event in second["results"]] == ["Event 2", "Event 1"]
        path = "http://testserver/events?"
        assert (second["count"], second["next"], second["previous"]) == (
            5,
            f"{path}ordering=-starts_at&page=3&page_size=2",
            f"{path}ordering=-starts_at&page_size=2",
        )
        assert (last["next"], last["previous"]) == (
            None,
            f"{path}ordering=-starts_at&page=2&page_size=2",
        )
        beyond = api.get("/events?page_size=2&page=4")
        assert (beyond.status_code, beyond.json()["code"]) == (404, "not_found")


def test_links_have_the_host_of_the_request(api: APIClient, settings: object):
    settings.ALLOWED_HOSTS = ["*"]  # type: ignore[attr-defined]
    for number in range(2):
        make(f"Event {number}")

    for host in ("one.example", "two.example", "one.example"):
        shown = api.get("/events?page_size=1", headers={"host": host}).json()
        assert shown["next"] == f"http://{host}/events?page=2&page_size=1"


@pytest.mark.parametrize("query", ["", "?q=first", "?page_size=1", "?city=recife", "?period=all"])
def test_the_shortcut_returns_the_same_response_as_the_view(api: APIClient, query: str):
    make("First")
    make("Second")
    organizer = as_organizer(make_event(organizer=make_organizer(), status=EventStatus.DRAFT))

    # The view answers the first request and the one with a token, the shortcut the second.
    first, second = (api.get(f"/events{query}") for _ in range(2))
    with_token = organizer.get(f"/events{query}")

    assert first.content == second.content == with_token.content
    assert first.headers["ETag"] == second.headers["ETag"] == with_token.headers["ETag"]


def test_the_caches_of_pages_do_not_grow_without_bound(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
):
    for name in ("a", "b", "c"):
        make(f"Event {name}")
    monkeypatch.setattr(listing, "_MOST_EVENTS", 4)
    monkeypatch.setattr(listing, "_MOST_COUNTS", 2)
    monkeypatch.setattr(list_answers, "_MOST_QUERIES", 2)

    for query in ("", "?q=event", "?q=ev", "?city=Rio de Janeiro", "?period=all"):
        assert len(names(api, f"/events{query}")) == 3

    assert sum(len(page.events) for page in listing._pages.values()) <= 4
    assert (len(listing._counts), len(list_answers._parsed_queries)) <= (2, 2)


def test_a_query_that_the_rate_limit_refuses_is_not_cached(api: APIClient, settings):
    settings.RATE_LIMITS = {"read": ":1/60"}
    assert api.get("/events?city=Recife").status_code == 200

    assert api.get("/events?city=Olinda").status_code == 429

    assert list(list_answers._parsed_queries) == ["city=Recife"]


def load(number: int = 1, *, city: str = "") -> listing.CachedPage:
    request = listing.PageRequest(CatalogueFilter(city=city), number, size=2)
    return listing.read_page(request, now=clock.now()).page


def test_there_is_no_page_after_the_last_full_one():
    for name in ("One", "Two"):
        make(name)

    assert load(1).count == 2
    with pytest.raises(listing.NoSuchPage, match="has 2 events"):
        load(2)


def test_cached_pages_have_the_most_events_together_and_the_oldest_leaves_first(
    monkeypatch: pytest.MonkeyPatch,
):
    listing.clear_page_cache()
    for name in ("One", "Two", "Three", "Four", "Five", "Six"):
        make(name)
    monkeypatch.setattr(listing, "_MOST_EVENTS", 4)

    def cached() -> list[int]:
        return [request.number for request in listing._pages]

    load(1)
    load(2)
    assert cached() == [1, 2]
    load(3)
    assert cached() == [2, 3]


def test_a_page_that_is_read_again_counts_once_and_becomes_the_newest(
    monkeypatch: pytest.MonkeyPatch,
):
    listing.clear_page_cache()
    events = [make(name) for name in ("One", "Two", "Three", "Four")]
    monkeypatch.setattr(listing, "_MOST_EVENTS", 4)
    load(1)
    load(2)
    rename(events[0])

    load(2)
    assert [request.number for request in listing._pages] == [1, 2]
    load(1)

    assert [request.number for request in listing._pages] == [2, 1]


def test_pages_without_events_are_bounded_too(monkeypatch: pytest.MonkeyPatch):
    listing.clear_page_cache()
    monkeypatch.setattr(listing, "_MOST_EVENTS", 2)

    for city in ("Recife", "Natal", "Belém"):
        load(city=city)

    assert len(listing._pages) == 2


def test_a_full_cache_of_counts_is_emptied_before_the_next_and_not_earlier(
    monkeypatch: pytest.MonkeyPatch,
):
    listing.clear_page_cache()
    monkeypatch.setattr(listing, "_MOST_COUNTS", 2)
    sizes = []
    for city in ("Recife", "Natal", "Belém"):
        load(city=city)
        sizes.append(len(listing._counts))

    assert sizes == [1, 2, 1]
    listing.clear_page_cache()
    assert (len(listing._pages), len(listing._counts)) == (0, 0)
