"""Searching and reading the public catalogue."""

from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from events.catalogue import CatalogueFilter, Period, public_events
from events.models import Event, EventWords, TicketType
from tests.make import make_event, make_reserved_order
from tests.moments import NOON
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
def catalogue() -> None:
    make_event(name="Noite de Jazz", city="São Paulo", venue="Sala São Luís")
    make_event(name="Ópera na Praça", city="Rio de Janeiro", description="Ao ar livre: É grátis!")


def find(api: APIClient, words: str) -> list[str]:
    response = api.get("/events", {"q": words})
    assert response.status_code == 200, response.json()
    return sorted(event["name"] for event in response.json()["results"])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("sao paulo", ["Noite de Jazz"]),
        ("São Paulo", ["Noite de Jazz"]),
        ("SAO", ["Noite de Jazz"]),
        ("opera", ["Ópera na Praça"]),
        ("praca rio", ["Ópera na Praça"]),
        ("jaz", ["Noite de Jazz"]),
        ("gratis", ["Ópera na Praça"]),
        ("jazz opera", []),
        ("", ["Noite de Jazz", "Ópera na Praça"]),
        ("   ", ["Noite de Jazz", "Ópera na Praça"]),
    ],
)
def test_words_find_events_with_and_without_accents(
    api: APIClient, catalogue: None, words: str, found: list[str]
):
    assert find(api, words) == found


@pytest.mark.parametrize(
    "words", ["'ab", "ab!", "ab & | cd", "ab:*", "(((ab", "ab\\", "ab%", "éa'); --"]
)
def test_a_search_with_operators_is_no_error(api: APIClient, catalogue: None, words: str):
    find(api, words)


@pytest.mark.parametrize(
    "words", ["a", "é", "7", " a ", "a b", "a-b", "!", ":*", "(((", "%%", "__", "a'"]
)
def test_a_search_without_two_letters_in_a_row_is_refused(api: APIClient, words: str):
    response = api.get("/events", {"q": words})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert response.json()["errors"][0]["detail"] == "Send at least two letters or digits in a row."


def test_a_single_letter_is_ignored_in_a_search(api: APIClient, catalogue: None):
    assert find(api, "noite x jazz") == ["Noite de Jazz"]


def test_the_search_uses_its_index(catalogue: None):
    wanted = public_events(CatalogueFilter(words="sao paulo"), now=clock.now())
    sql, parameters = wanted.order_by().query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(MANY_EVENTS)
        cursor.execute("ANALYZE events_event, events_eventwords")
        cursor.execute(f"EXPLAIN {sql}", parameters)
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "words_of_events" in plan


def test_the_words_of_an_event_change_with_its_texts(api: APIClient, catalogue: None):
    event = Event.objects.get(name="Noite de Jazz")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET name = 'Tarde de Forró' WHERE id = %s", [event.pk])
        cursor.execute("SELECT count(*) FROM events_eventwords")
        assert cursor.fetchone() == (2,)

    assert (find(api, "jazz"), find(api, "forro")) == ([], ["Tarde de Forró"])
    Event.objects.filter(pk=event.pk).update(description="Com sanfona")
    assert find(api, "sanfona") == ["Tarde de Forró"]


def test_the_words_of_an_event_that_is_deleted_by_hand_go_with_it(catalogue: None):
    event, other = Event.objects.order_by("name")
    TicketType.objects.filter(event=event).delete()

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE id = %s", [event.pk])

    assert list(EventWords.objects.values_list("pk", flat=True)) == [other.pk]


def test_the_migration_writes_words_of_older_events_and_keeps_newer_ones(catalogue: None):
    first, second = EventWords.objects.order_by("event__name")
    EventWords.objects.filter(pk=first.pk).delete()
    EventWords.objects.filter(pk=second.pk).update(words="'newer':1")
    migration = import_module("events.migrations.0019_words_of_older_events")

    with connection.cursor() as cursor:
        cursor.execute(migration.FILL)

    assert set(EventWords.objects.values_list("pk", "words")) == {
        (first.pk, first.words),
        (second.pk, "'newer':1"),
    }


MANY_EVENTS = """
INSERT INTO events_event (id, organizer_id, number, name, slug, description, status, venue, address,
  city, timezone, starts_at, ends_at, max_per_order, hold_seconds, image_url, currency, epoch,
  created_at)
SELECT gen_random_uuid(), organizer_id, nextval('event_number'), 'Show ' || md5(n::text),
  'show-' || n, '', 'published', 'Teatro ' || md5((-n)::text), '', 'Recife', timezone, starts_at,
  ends_at, 10, 900, '', 'BRL', 1, now()
FROM generate_series(1, 3000) AS s (n), (SELECT * FROM events_event LIMIT 1) e
"""


@pytest.mark.parametrize(
    ("path", "cookie"), [("/events", ""), ("/events/{slug}", ""), ("/events/{slug}", "theme=dark")]
)
def test_an_unchanged_response_is_a_304_and_the_tickets_left_are_current(
    api: APIClient, path: str, cookie: str
):
    """The view answers a request with a cookie, and the shortcut the others."""
    event = make_event(capacity=5)
    path = path.format(slug=event.slug)
    api.defaults["HTTP_COOKIE"] = cookie
    tag = api.get(path).headers["ETag"]

    same = api.get(path, HTTP_IF_NONE_MATCH=tag)
    make_reserved_order(ticket_type=event.ticket_types.get())
    other = api.get(path, HTTP_IF_NONE_MATCH=tag)

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert "Content-Length" not in same.headers
    assert other.status_code == 200
    shown = other.json()
    assert shown.get("results", [shown])[0]["available"] == 4


@pytest.mark.parametrize(
    "words", ["¾¾", "ʼʼ", "½½ jazz", "ˋˋ", "№№ 5", "ªº", "jazz\\", "jazz'", "a" * 100]
)
def test_no_search_text_is_a_syntax_error_of_the_query(api: APIClient, catalogue: None, words: str):
    assert api.get("/events", {"q": words}).status_code == 200


@pytest.fixture
def seasons() -> None:
    """Make an event that is over, one that runs, and two in the future, the later one first."""
    now = clock.now()
    for name, days in {"next year": 300, "soon": 3, "running": 0, "over": -40}.items():
        event = make_event(name=name)
        starts_at = now + timedelta(days=days, hours=-1)
        Event.objects.filter(pk=event.pk).update(
            starts_at=starts_at, ends_at=starts_at + timedelta(hours=4)
        )


def listed(api: APIClient, **query: str) -> list[str]:
    response = api.get("/events", query)
    assert response.status_code == 200, response.json()
    return [event["name"] for event in response.json()["results"]]


def test_events_that_are_over_are_listed_only_if_the_caller_asks_for_them(
    api: APIClient, seasons: None
):
    assert listed(api) == ["running", "soon", "next year"]
    assert listed(api, period="upcoming") == ["running", "soon", "next year"]
    assert listed(api, period="past") == ["over"]
    assert listed(api, period="all") == ["over", "running", "soon", "next year"]
    assert api.get("/events").json()["count"] == 3
    assert api.get("/events", {"period": "yesterday"}).status_code == 400


def test_a_range_that_reaches_into_the_past_lists_events_that_are_over(
    api: APIClient, seasons: None
):
    now = clock.now()
    last_month = (now - timedelta(days=60)).isoformat()
    yesterday = (now - timedelta(days=1)).isoformat()
    next_month = (now + timedelta(days=30)).isoformat()

    assert listed(api, starts_after=last_month, starts_before=yesterday) == ["over"]
    assert listed(api, starts_before=yesterday) == ["over"]
    assert listed(api, starts_after=last_month, starts_before=next_month) == [
        "over",
        "running",
        "soon",
    ]
    assert listed(api, starts_before=next_month) == ["running", "soon"]
    assert listed(api, starts_after=next_month) == ["next year"]
    assert listed(api, starts_after=last_month, period="upcoming") == [
        "running",
        "soon",
        "next year",
    ]


def make_event_at(starts_at: datetime, ends_at: datetime, *, name: str) -> None:
    event = make_event(name=name)
    Event.objects.filter(pk=event.pk).update(starts_at=starts_at, ends_at=ends_at)


def at(moment: datetime, **bounds: Any) -> list[str]:
    wanted = CatalogueFilter(**bounds)
    return [event.name for event in public_events(wanted, now=moment)]


def test_an_event_is_past_from_the_moment_at_which_it_ends():
    make_event_at(NOON - HOUR, NOON, name="Jazz")

    assert at(NOON, period=Period.PAST) == ["Jazz"]
    assert at(NOON, period=Period.UPCOMING) == []
    assert at(NOON - SECOND, period=Period.PAST) == []
    assert at(NOON - SECOND, period=Period.UPCOMING) == ["Jazz"]


def test_a_range_includes_its_start_and_excludes_its_end():
    make_event_at(NOON, NOON + HOUR, name="Jazz")

    before = NOON - HOUR
    assert at(before, starts_after=NOON) == ["Jazz"]
    assert at(before, starts_after=NOON + SECOND) == []
    assert at(before, starts_before=NOON) == []
    assert at(before, starts_before=NOON + SECOND) == ["Jazz"]


def test_a_range_that_begins_now_reaches_into_the_past():
    make_event_at(NOON - HOUR, NOON, name="Over")
    make_event_at(NOON, NOON + HOUR, name="Jazz")

    assert at(NOON, starts_before=NOON) == ["Over"]
    assert at(NOON, starts_before=NOON + SECOND) == ["Jazz"]
    assert at(NOON, starts_after=NOON) == ["Jazz"]


def test_an_unchanged_event_is_read_without_a_query(api: APIClient):
    event = make_event()
    api.get(f"/events/{event.pk}")

    with CaptureQueriesContext(connection) as queries:
        assert api.get(f"/events/{event.pk}").status_code == 200

    assert len(queries) == 0
