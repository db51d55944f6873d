"""The queries and Redis round trips of each hot endpoint. Raise a number only by a decision."""

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
    make_promo_code,
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


def test_a_reservation_costs_one_query_and_one_round_trip(api: APIClient, redis: Redis):
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    reservation = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }

    # PostgreSQL: the fenced insert. Redis: the hold.
    with costs(redis, queries=1, round_trips=1):
        assert api.post("/orders", reservation).status_code == 201


@pytest.mark.parametrize(("max_uses", "queries"), [(None, 2), (10, 3)])
def test_only_a_reservation_with_a_promo_code_pays_for_it(
    api: APIClient, redis: Redis, max_uses: int | None, queries: int
):
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    make_promo_code(event=kind.event, max_uses=max_uses)
    reservation = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
        "promo_code": "AMIGOS",
    }

    # PostgreSQL: the code, its uses if they are limited, the fenced insert. Redis: the hold.
    with costs(redis, queries=queries, round_trips=1):
        assert api.post("/orders", reservation).status_code == 201


def test_a_reservation_under_a_rate_limit_costs_one_more_round_trip(
    api: APIClient, settings, redis: Redis
):
    settings.RATE_LIMITS = {"reserve": "9/60:9/60"}
    kind = make_ticket_type()
    make_reserved_order(ticket_type=kind)
    reservation = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }
    api.post("/orders", reservation)

    # PostgreSQL: the fenced insert. Redis: the limits of token and address, and the hold.
    with costs(redis, queries=1, round_trips=2):
        assert api.post("/orders", reservation).status_code == 201


def test_a_refusal_by_a_rate_limit_costs_no_query(api: APIClient, settings, redis: Redis):
    settings.RATE_LIMITS = {"reserve": ":1/60"}
    api.post("/orders", {})

    with costs(redis, queries=0, round_trips=1):
        assert api.post("/orders", {}).status_code == 429


def test_a_refusal_as_sold_out_costs_no_query(api: APIClient, redis: Redis):
    kind = make_ticket_type(capacity=1)
    make_reserved_order(ticket_type=kind)
    reservation = {
        "event": str(kind.event_id),
        "quantity": 1,
        "customer": {"name": "Ana", "email": "ana@example.com"},
    }

    with costs(redis, queries=0, round_trips=1):
        assert api.post("/orders", reservation).status_code == 409


def test_a_page_of_the_catalogue(api: APIClient, redis: Redis):
    for _ in range(5):
        make_event()

    # PostgreSQL: the count, the events, the types. Redis: the catalogue's version, and the
    # availability of all events at once.
    with costs(redis, queries=3, round_trips=2):
        assert len(api.get("/events").json()["results"]) == 5
    # One round trip returns the availability of all events, and that nothing has changed.
    with costs(redis, queries=0, round_trips=1):
        assert len(api.get("/events").json()["results"]) == 5


def test_a_search_of_the_catalogue(api: APIClient, redis: Redis):
    for _ in range(5):
        make_event()

    assert api.get("/events?q=noite&page_size=2").json()["count"] == 5
    # The events and the types. The count is cached since the first page.
    with costs(redis, queries=2, round_trips=2):
        assert api.get("/events?q=noite&page_size=2&page=2").json()["count"] == 5
    with costs(redis, queries=0, round_trips=1):
        assert api.get("/events?q=noite&page_size=2&page=2").json()["count"] == 5


def test_one_event(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")

    # One round trip returns the availability, and that the cached event is current.
    with costs(redis, queries=0, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


@pytest.mark.parametrize("path", ["/events", "/events/{}"])
def test_a_hot_read_costs_no_more_under_a_rate_limit(
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
def test_a_refused_read_costs_no_query(
    path: str, api: APIClient, settings, monkeypatch: pytest.MonkeyPatch
):
    settings.RATE_LIMITS = {"read": ":1/60"}
    path = path.format(make_event().slug)
    api.get("/events/none")
    done: list[object] = []
    monkeypatch.setattr(CursorWrapper, "_execute", lambda *query: done.append(query))

    # No query for the shown events, and none to look up a token.
    for reader in (api, as_bearer("api_" + "x" * 43)):
        assert reader.get(path).status_code == 429

    assert done == []


def test_one_event_that_is_not_cached(api: APIClient, redis: Redis):
    event = make_event()

    with costs(redis, queries=2, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


def test_one_event_after_redis_lost_its_stock(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")
    redis.flushdb()

    # PostgreSQL: the epoch; BEGIN, number, lock, epoch twice, held tickets, types, the time, holds,
    # COMMIT. Redis: cold; the lease, still cold; staging, its time, publishing; the availability.
    with costs(redis, queries=11, round_trips=7):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100
    # The stock is in Redis again.
    with costs(redis, queries=0, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


def test_one_event_while_another_reader_rebuilds_its_stock(api: APIClient, redis: Redis):
    event = make_event()
    api.get(f"/events/{event.slug}")
    redis.flushdb()
    redis.set(f"{{event:{event.pk}}}:rebuild", "", px=60_000)

    # PostgreSQL: the epoch, the held tickets, all types. Redis: cold, and the lease is taken.
    with costs(redis, queries=3, round_trips=2):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100
    # The process caches the figures of the record for a second.
    with costs(redis, queries=0, round_trips=1):
        assert api.get(f"/events/{event.slug}").json()["available"] == 100


def test_the_document(api: APIClient, redis: Redis):
    with costs(redis, queries=0, round_trips=0):
        assert api.get("/schema").status_code == 200


def test_confirming_a_payment(redis: Redis):
    reservation = make_reservation()
    buyer = as_bearer(reservation.token.text)

    # Read order, items, types; BEGIN, lock, move, payment, items, promise, COMMIT; read them again.
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

    # A check-in does not use Redis, so it works without it.
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
