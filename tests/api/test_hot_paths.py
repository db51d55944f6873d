"""How often each hot endpoint asks PostgreSQL and Redis. A number here grows by decision only."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext
from redis import Redis
from rest_framework.test import APIClient

from tests.make import (
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
    make_reservation,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from tickets.door import checkin
from tickets.models import Ticket
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def costs(redis: Redis, *, queries: int, round_trips: int) -> Iterator[None]:
    """Count the statements sent to PostgreSQL, and the round trips to Redis."""
    sends = []
    send = redis.connection_pool.connection_class.send_packed_command

    def count(self, command, **options):
        sends.append(command)
        return send(self, command, **options)

    redis.ping()
    with pytest.MonkeyPatch.context() as patch, CaptureQueriesContext(connection) as captured:
        patch.setattr(redis.connection_pool.connection_class, "send_packed_command", count)
        yield
    assert (len(captured), len(sends)) == (queries, round_trips), "\n".join(
        query["sql"][:200] for query in captured
    )


def test_reserving(api: APIClient, redis: Redis):
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    wish = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }

    # The fenced insert. The hold.
    with costs(redis, queries=1, round_trips=1):
        assert api.post("/orders", wish).status_code == 201


def test_reserving_under_a_limit_costs_one_more_round_trip(api: APIClient, settings, redis: Redis):
    settings.RATE_LIMITS = {"reserve": "9/60:9/60"}
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    wish = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }
    api.post("/orders", wish)

    # The fenced insert. The limits of token and address, and the hold.
    with costs(redis, queries=1, round_trips=2):
        assert api.post("/orders", wish).status_code == 201


def test_being_refused_by_a_limit(api: APIClient, settings, redis: Redis):
    settings.RATE_LIMITS = {"reserve": ":1/60"}
    api.post("/orders", {})

    with costs(redis, queries=0, round_trips=1):
        assert api.post("/orders", {}).status_code == 429


def test_being_refused_as_sold_out(api: APIClient, redis: Redis):
    kind = make_ticket_type(capacity=1)
    make_reserved_order(ticket_type=kind)
    wish = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }

    with costs(redis, queries=0, round_trips=1):
        assert api.post("/orders", wish).status_code == 409


def test_a_page_of_the_catalogue(api: APIClient, redis: Redis):
    for _ in range(5):
        make_event()

    # Count, events, types. The catalogue's version; all events' availability at once.
    with costs(redis, queries=3, round_trips=2):
        assert len(api.get("/events").json()["results"]) == 5
    # All events' availability, and that nothing has changed since.
    with costs(redis, queries=0, round_trips=1):
        assert len(api.get("/events").json()["results"]) == 5


def test_a_search_of_the_catalogue(api: APIClient, redis: Redis):
    for _ in range(5):
        make_event()

    # Events and types: the count is that of the first page.
    assert api.get("/events?q=noite&page_size=2").json()["count"] == 5
    with costs(redis, queries=2, round_trips=2):
        assert api.get("/events?q=noite&page_size=2&page=2").json()["count"] == 5
    with costs(redis, queries=0, round_trips=1):
        assert api.get("/events?q=noite&page_size=2&page=2").json()["count"] == 5


def test_one_event(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")

    # What is left, and that nothing has changed since it was remembered.
    with costs(redis, queries=0, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


@pytest.mark.parametrize("path", ["/events", "/events/{}"])
def test_what_everybody_reads_costs_no_more_under_a_limit(
    path: str, api: APIClient, settings, redis: Redis
):
    settings.RATE_LIMITS = {"read": ":9/60"}
    path = path.format(make_event().slug)
    api.get(path)

    with costs(redis, queries=0, round_trips=1):
        answer = api.get(path)
    assert answer.headers["RateLimit"].startswith('"read";r=7;')


@pytest.mark.parametrize(
    "path", ["/events", "/events/{}", "/events/none", "/events?q=noite", "/events?page=2"]
)
def test_a_reader_who_is_refused_costs_no_query(
    path: str, api: APIClient, settings, monkeypatch: pytest.MonkeyPatch
):
    settings.RATE_LIMITS = {"read": ":1/60"}
    path = path.format(make_event().slug)
    api.get("/events/none")
    done: list[object] = []
    monkeypatch.setattr(CursorWrapper, "_execute", lambda *query: done.append(query))

    # Neither what a reader without a token is shown, nor whose a token is.
    for reader in (api, as_bearer("api_" + "x" * 43)):
        assert reader.get(path).status_code == 429

    assert done == []


def test_one_event_that_nobody_has_asked_for_lately(api: APIClient, redis: Redis):
    event = make_event()

    with costs(redis, queries=2, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


def test_one_event_that_redis_has_forgotten(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")
    redis.flushdb()

    # The epoch; BEGIN, number, lock, epoch twice, what is held, types, the time, holds, COMMIT.
    # Cold; the lease, cold still; staging, its time, publishing; what is left.
    with costs(redis, queries=11, round_trips=7):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100
    # It is as it was.
    with costs(redis, queries=0, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


def test_one_event_while_another_reader_brings_its_stock_back(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")
    redis.flushdb()
    redis.set(f"{{event:{event.pk}}}:rebuild", "", px=60_000)

    # The epoch. The record: what is held, and all types. Cold, and the other's lease.
    with costs(redis, queries=3, round_trips=2):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100
    # The record's figures are kept for a second.
    with costs(redis, queries=0, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


def test_the_document(api: APIClient, redis: Redis):
    with costs(redis, queries=0, round_trips=0):
        assert api.get("/schema").status_code == 200


def test_confirming_a_payment(redis: Redis):
    reservation = make_reservation()
    buyer = as_bearer(reservation.token.text)

    # Order, items, types; BEGIN, lock, move, payment, items, promise, COMMIT; order, items, types.
    with costs(redis, queries=13, round_trips=1):
        answer = buyer.post(
            f"/orders/{reservation.order_id}/payment", {"method": "card", "token": "tok_approved"}
        )
    assert answer.status_code == 202


def test_admitting_a_ticket(redis: Redis):
    ticket = Ticket.objects.of_order(make_paid_order().pk).get()
    door = as_bearer(make_device(ticket.event))

    door.post("/tickets/validate", {"code": "T1:FORGED"})
    checkin._event_of(ticket.event.number)

    # Redis may be away.
    with costs(redis, queries=1, round_trips=0):
        assert door.post("/tickets/validate", {"code": ticket.code}).status_code == 200


@pytest.mark.parametrize("quantity", [1, 10])
def test_settling_costs_the_same_for_one_ticket_and_for_ten(redis: Redis, quantity: int):
    reservation = make_reservation(quantity=quantity)
    as_bearer(reservation.token.text).post(
        f"/orders/{reservation.order_id}/payment", {"method": "pix", "token": "tok_approved"}
    )

    with CaptureQueriesContext(connection) as captured:
        settle_order(order_id=reservation.order_id, now=clock.now())

    assert len(captured) == 10
