"""A cold event: one reader rebuilds its stock, and the others get the record's figures."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from redis import Redis
from rest_framework.test import APIClient

from events import catalogue, event_cache
from events.models import Event, TicketType
from events.organizing import cancel_event
from events.stock import cold
from events.stock.holds import lease_rebuild, read_stock
from events.stock.rebuild import rebuild_stock
from events.stock.record import begin_epoch
from tests.make import SOMEBODY, as_organizer, make_event, make_reserved_order
from tests.race import race
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

READERS = 8


def sold_from_tomorrow() -> Event:
    """Make an event whose sale has not started: no reservation can rebuild its stock."""
    return make_event(capacity=10, sales_start_at=clock.now() + timedelta(days=1))


def epoch_of(event: Event) -> int:
    return Event.objects.values_list("epoch", flat=True).get(pk=event.pk)


def keep_others_from_rebuilding(redis: Redis, event: Event) -> None:
    """Take the lease to rebuild the stock, as a reader does that has not rebuilt it yet."""
    redis.set(f"{{event:{event.pk}}}:rebuild", "", px=60_000)


def one_event(api: APIClient, event: Event) -> int:
    return int(api.get(f"/events/{event.slug}").json()["available"])


def one_event_with_a_token(_: APIClient, event: Event) -> int:
    return int(as_organizer(event).get(f"/events/{event.pk}").json()["available"])


def the_catalogue(api: APIClient, event: Event) -> int:
    (shown,) = api.get("/events").json()["results"]
    return int(shown["available"])


@pytest.mark.parametrize("read", [one_event, one_event_with_a_token, the_catalogue])
def test_only_the_first_reader_of_a_cold_event_rebuilds_it(
    api: APIClient, redis: Redis, read: Callable[[APIClient, Event], int]
):
    event = sold_from_tomorrow()
    epoch = epoch_of(event)
    redis.flushall()
    redis.script_flush()

    shown = [read(api, event) for _ in range(5)]

    assert shown == [10] * 5
    assert epoch_of(event) == epoch + 1
    stock = read_stock(event.pk)
    assert stock is not None
    assert list(stock.left.values()) == [10]


def test_many_readers_at_once_rebuild_an_event_once(redis: Redis):
    event = sold_from_tomorrow()
    epoch = epoch_of(event)
    path = f"/events/{event.pk}"
    Client().get(path)
    redis.flushdb()

    available = race(*[lambda: Client().get(path).json()["available"]] * READERS)

    assert available == [10] * READERS
    assert epoch_of(event) == epoch + 1


def test_while_one_reader_rebuilds_the_others_see_the_records_figures(api: APIClient, redis: Redis):
    event = make_event(capacity=10)
    make_reserved_order(ticket_type=event.ticket_types.get(), quantity=3)
    epoch = epoch_of(event)
    redis.flushdb()
    keep_others_from_rebuilding(redis, event)

    assert one_event(api, event) == 7
    assert read_stock(event.pk) is None
    assert epoch_of(event) == epoch


def test_the_records_figures_are_a_second_old_at_most(
    api: APIClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    event = sold_from_tomorrow()
    redis.flushdb()
    keep_others_from_rebuilding(redis, event)
    assert one_event(api, event) == 10
    TicketType.objects.filter(event=event).update(promised=4)

    within_the_second = one_event(api, event)
    monkeypatch.setattr(cold, "_EXPIRY_SECONDS", 0.0)

    assert (within_the_second, one_event(api, event)) == (10, 6)


def test_figures_of_the_record_are_not_shown_after_a_rebuild(api: APIClient, redis: Redis):
    event = make_event(capacity=10)
    redis.flushdb()
    keep_others_from_rebuilding(redis, event)
    assert one_event(api, event) == 10

    # A reservation rebuilds the stock without the lease.
    make_reserved_order(ticket_type=event.ticket_types.get(), quantity=3)

    assert one_event(api, event) == 7


def test_a_ticket_type_that_only_redis_has_is_not_shown(api: APIClient, redis: Redis):
    event = sold_from_tomorrow()
    redis.hset(f"{{event:{event.pk}}}:left", "0198a5a2-7b1c-7d7e-8f00-112233445566", 5)

    assert one_event(api, event) == 10


def test_a_new_ticket_type_is_shown_despite_cached_figures_of_the_record(
    api: APIClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    event = sold_from_tomorrow()
    redis.flushdb()
    keep_others_from_rebuilding(redis, event)
    assert one_event(api, event) == 10

    TicketType.objects.create(event=event, number=2, name="Camarote", price=9, capacity=5)
    monkeypatch.setattr(event_cache, "_EXPIRY_SECONDS", 0.0)

    assert one_event(api, event) == 15


def test_figures_that_were_read_before_a_ticket_type_was_added_are_not_shown(
    api: APIClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    event = sold_from_tomorrow()
    added = TicketType.objects.create(event=event, number=2, name="Camarote", price=9, capacity=5)
    redis.flushdb()
    keep_others_from_rebuilding(redis, event)

    def read_too_early(events: Any, *, now: Any) -> Any:
        monkeypatch.setattr(catalogue, "left_while_cold", cold.left_while_cold)
        left = dict(cold.left_while_cold(events, now=now)[event.pk])
        del left[added.pk]
        return {event.pk: left}

    monkeypatch.setattr(catalogue, "left_while_cold", read_too_early)

    assert one_event(api, event) == 15


@pytest.mark.parametrize("ended", [True, False])
def test_an_event_that_is_not_on_sale_any_more_is_not_rebuilt(
    api: APIClient, redis: Redis, *, ended: bool
):
    event = make_event(capacity=10)
    if ended:
        Event.objects.filter(pk=event.pk).update(
            starts_at=clock.now() - timedelta(days=9), ends_at=clock.now() - timedelta(days=8)
        )
    else:
        cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())
    epoch = epoch_of(event)
    redis.flushdb()

    assert one_event(api, event) == 10
    assert (read_stock(event.pk), epoch_of(event)) == (None, epoch)


def test_a_reader_does_not_rebuild_if_another_process_began_a_newer_epoch(
    api: APIClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    event = sold_from_tomorrow()
    redis.flushdb()
    epoch = epoch_of(event)

    def rebuild_late(**how: Any) -> None:
        begin_epoch(event_id=event.pk)
        rebuild_stock(**how)

    monkeypatch.setattr(cold, "rebuild_stock", rebuild_late)

    assert one_event(api, event) == 10
    assert epoch_of(event) == epoch + 1


def test_a_request_over_its_rate_limit_takes_no_rebuild_lease(
    api: APIClient, redis: Redis, settings: Any
):
    event = sold_from_tomorrow()
    settings.RATE_LIMITS = {"read": ":1/7200"}
    api.get(f"/events/{event.slug}")
    redis.delete(f"{{event:{event.pk}}}:left")

    assert api.get(f"/events/{event.slug}").status_code == 429
    assert not redis.exists(f"{{event:{event.pk}}}:rebuild")


def test_the_lease_of_a_reader_that_died_expires_within_seconds(redis: Redis):
    event = sold_from_tomorrow()

    leased = [lease_rebuild(event_id=event.pk, milliseconds=5_000) for _ in range(2)]

    assert leased == [True, False]
    assert 0 < redis.pttl(f"{{event:{event.pk}}}:rebuild") <= 5_000


def test_a_failed_rebuild_does_not_fail_the_request(
    api: APIClient,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    event = sold_from_tomorrow()
    redis.flushdb()

    def lose(**_: object) -> bool:
        return False

    monkeypatch.setattr("events.stock.rebuild.publish_stock", lose)

    assert one_event(api, event) == 10
    assert f"The stock of event {event.pk} was not rebuilt for a reader." in caplog.text


def test_list_requests_rebuild_one_cold_event_at_a_time_with_pauses(
    api: APIClient, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    events = [sold_from_tomorrow() for _ in range(3)]
    redis.flushdb()

    def read() -> int:
        shown = api.get("/events").json()["results"]
        assert [event["available"] for event in shown] == [10] * 3
        return sum(read_stock(event.pk) is not None for event in events)

    monkeypatch.setattr(cold, "_SECONDS_BETWEEN_LIST_REBUILDS", 60.0)
    assert [read() for _ in range(2)] == [1, 1]
    monkeypatch.setattr(cold, "_SECONDS_BETWEEN_LIST_REBUILDS", 0.0)
    cold._list_rebuilds.next_at = 0.0
    assert [read() for _ in range(3)] == [2, 3, 3]


def figures(events: list[Event]) -> dict[Any, Any]:
    loaded = list(Event.objects.filter(pk__in=[event.pk for event in events]))
    return {key: dict(left) for key, left in cold.left_while_cold(loaded, now=clock.now()).items()}


def test_a_single_event_is_rebuilt_without_a_pause_after_the_last_one(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cold, "_SECONDS_BETWEEN_LIST_REBUILDS", 60.0)
    events = [sold_from_tomorrow() for _ in range(2)]
    redis.flushdb()
    cold.clear_recorded_figures()

    for event in events:
        figures([event])

    assert all(read_stock(event.pk) is not None for event in events)


def test_a_full_cache_of_figures_is_emptied_before_the_next_and_not_earlier(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cold, "_MOST_CACHED", 2)
    cold.clear_recorded_figures()
    sizes = []
    for _ in range(3):
        event = sold_from_tomorrow()
        redis.flushdb()
        keep_others_from_rebuilding(redis, event)
        figures([event])
        sizes.append(len(cold._cached))

    assert sizes == [1, 2, 1]
    cold.clear_recorded_figures()
    assert not cold._cached


def test_an_event_whose_rebuild_was_tried_is_not_tried_again_while_its_figures_are_cached(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    events = [sold_from_tomorrow() for _ in range(2)]
    redis.flushdb()
    cold.clear_recorded_figures()
    for event in events:
        keep_others_from_rebuilding(redis, event)
    tried = []

    def try_and_fail(event_id: Any) -> None:
        tried.append(event_id)

    monkeypatch.setattr(cold, "_rebuild_once", try_and_fail)
    monkeypatch.setattr(cold, "_SECONDS_BETWEEN_LIST_REBUILDS", 0.0)

    for _ in range(4):
        figures(events)

    assert sorted(tried) == sorted(event.pk for event in events)


def test_an_event_is_not_rebuilt_at_the_moment_it_ends(redis: Redis):
    event = Event.objects.get(pk=make_event().pk)
    redis.flushdb()
    cold.clear_recorded_figures()

    cold.left_while_cold([event], now=event.ends_at)

    assert read_stock(event.pk) is None
