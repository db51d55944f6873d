"""Rebuilding the stock in Redis, also while others rebuild it and Redis fails."""

from typing import Any

import pytest
from redis import Redis

from events.models import Event, TicketType
from events.stock import rebuild
from events.stock.holds import InventoryUnavailable, read_stock
from events.stock.rebuild import rebuild_stock, sell_again, try_to_rebuild_stock
from events.stock.record import Stock, begin_epoch
from tests.make import make_event, make_reserved_order, make_ticket_type

pytestmark = pytest.mark.django_db(transaction=True)


def epoch_of(event: Event) -> int:
    return Event.objects.values_list("epoch", flat=True).get(pk=event.pk)


def left(kind: TicketType) -> int | None:
    stock = read_stock(kind.event_id)
    return stock.left[kind.pk] if stock else None


def test_a_rebuild_is_left_to_a_process_that_has_begun_a_newer_epoch(redis: Redis):
    kind = make_ticket_type()
    seen = epoch_of(kind.event)
    begin_epoch(event_id=kind.event_id)
    redis.flushdb()

    rebuild_stock(event_id=kind.event_id, seen=seen)

    assert (left(kind), epoch_of(kind.event)) == (None, seen + 1)


def test_a_rebuild_whose_keys_are_lost_is_tried_again_in_a_new_epoch(
    monkeypatch: pytest.MonkeyPatch,
):
    event, published = make_event(), []

    def lose_two(*, stock: Stock, **_: Any) -> bool:
        published.append(stock.epoch)
        return len(published) == 3

    monkeypatch.setattr(rebuild, "publish_stock", lose_two)
    seen = epoch_of(event)

    rebuild_stock(event_id=event.pk, seen=seen)

    assert published == [seen + 1, seen + 2, seen + 3]


def test_a_rebuild_whose_keys_are_lost_three_times_is_given_up(monkeypatch: pytest.MonkeyPatch):
    event = make_event()
    monkeypatch.setattr(rebuild, "publish_stock", lambda **_: False)

    with pytest.raises(InventoryUnavailable, match="Redis lost the stock"):
        rebuild_stock(event_id=event.pk)


def test_a_rebuild_without_redis_is_logged_and_left_to_the_next_request(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    event = make_event()

    def raise_unavailable(**_: Any) -> None:
        raise InventoryUnavailable("Redis is unavailable.")

    monkeypatch.setattr(rebuild, "publish_stock", raise_unavailable)

    try_to_rebuild_stock(event_id=event.pk)

    assert f"The stock of event {event.pk} was not rebuilt" in caplog.text


def test_returned_tickets_that_redis_does_not_count_make_it_read_the_record(redis: Redis):
    kind = make_ticket_type(capacity=5)
    make_reserved_order(ticket_type=kind)
    redis.flushdb()

    sell_again(event_id=kind.event_id, epoch=epoch_of(kind.event), quantities={kind.pk: 1})

    assert left(kind) == 4


def test_returned_tickets_are_left_to_a_rebuild_that_began_after_their_return(redis: Redis):
    kind = make_ticket_type(capacity=5)
    before = epoch_of(kind.event)
    begin_epoch(event_id=kind.event_id)
    redis.flushdb()

    sell_again(event_id=kind.event_id, epoch=before, quantities={kind.pk: 1})

    # That rebuild writes the stock, with the returned tickets: a second epoch would refuse sales.
    assert (left(kind), epoch_of(kind.event)) == (None, before + 1)
