"""The stocks of several events and the catalogue version, read in one round trip."""

import pytest
from redis import Redis

from events.models import Event
from events.stock.adjustments import announce_revision
from events.stock.board import StockBoard, read_catalogue_version, renew_catalogue_version
from events.stock.holds import read_stock
from events.stock.rebuild import rebuild_stock
from tests.make import make_event

pytestmark = pytest.mark.django_db(transaction=True)


def board_of(*events: Event) -> StockBoard:
    for event in events:
        rebuild_stock(event_id=event.pk)
    return StockBoard({e.pk: [kind.pk for kind in e.ticket_types.all()] for e in events})


def test_a_reading_has_the_tickets_left_and_the_revision_of_each_event():
    first, second = make_event(capacity=3), make_event(capacity=5)
    board = board_of(first, second)
    announce_revision(event_id=second.pk, revision=7)

    stocks = board.read().stocks

    assert [list(stock.left.values()) for stock in stocks if stock] == [[3], [5]]
    assert stocks[1] is not None
    assert stocks[1].revision == 7


def test_an_unchanged_reading_is_the_same_object_and_a_changed_one_is_not():
    board = board_of(make_event())
    reading = board.read()
    assert board.read() is reading

    renew_catalogue_version("another")

    assert board.read() is not reading
    assert board.read().catalogue_version == "another"


def test_a_reading_of_a_lost_generation_is_not_shown_again(redis: Redis):
    board = board_of(make_event())
    assert board.read().stocks[0] is not None

    redis.script_flush()

    assert board.read().stocks == [None]


def test_an_announced_revision_is_read_with_the_stock():
    event = make_event()
    board_of(event)

    announce_revision(event_id=event.pk, revision=9)

    stock = read_stock(event.pk)
    assert stock is not None
    assert stock.revision == 9


def test_the_catalogue_has_the_version_written_last():
    renew_catalogue_version("one")
    renew_catalogue_version("two")

    assert read_catalogue_version() == "two"
