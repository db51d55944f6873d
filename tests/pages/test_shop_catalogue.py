"""The catalogue for buyers, at the root of the site."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.listing import clear_page_cache
from events.models import TicketType
from events.pages import catalogue
from tests.make import make_event, make_organizer, make_reserved_order, make_ticket_type
from tests.pages.test_shop_choosing import ENGLISH, PORTUGUESE, read
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)


def look(query: str = "", headers: dict[str, str] = ENGLISH) -> str:
    clear_page_cache()
    page = Client(headers=headers).get(f"/{query}")
    assert page.status_code == 200
    return read(page)


def test_the_catalogue_shows_what_is_on_sale_and_from_which_price():
    jazz = make_event(name="Jazz", price="80.00")
    make_ticket_type(event=jazz, name="Meia", price="40.00")
    hidden = make_ticket_type(event=jazz, name="Imprensa", price="1.00")
    TicketType.objects.filter(pk=hidden.pk).update(is_hidden=True)
    gone = make_ticket_type(event=jazz, name="Estudante", price="20.00", capacity=1)
    make_reserved_order(ticket_type=gone)
    sold_out = make_event(name="Samba", capacity=1)
    make_reserved_order(ticket_type=sold_out.ticket_types.get())
    make_event(name="Forró", price="0.00")
    make_event(name="Rascunho", status="draft")

    page, portuguese = look(), look(headers=PORTUGUESE)

    assert "Jazz Circo Voador · Rio de Janeiro from BRL 40.00" in page
    assert "Samba Circo Voador · Rio de Janeiro Sold out" in page
    assert "Forró Circo Voador · Rio de Janeiro free" in page
    assert "Rascunho" not in page
    assert "a partir de R$ 40,00" in portuguese
    assert "API reference" in page


def test_a_visitor_finds_events_by_words_city_and_date():
    soon = make_event(name="Noite de Choro", city="Recife")
    later = soon.starts_at + timedelta(days=10)
    make_event(name="Noite de Samba", starts_at=later, ends_at=later + timedelta(hours=1))
    day = (soon.starts_at - timedelta(hours=3)).date()

    assert "1 event found." in look("?q=choro")
    assert "Noite de Choro" in look("?city=recife")
    by_date = look(f"?since={day}&until={day}")
    assert "Noite de Choro" in by_date
    assert "Noite de Samba" not in by_date
    assert "Nothing fits this search" in look("?q=nada")
    assert "Enter a valid date." in look("?since=tomorrow")
    assert "noindex" in Client().get("/?q=choro").content.decode()


def test_an_empty_catalogue_says_so():
    assert "Nothing is on sale right now" in look()


def test_the_pages_of_the_catalogue_follow_each_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalogue, "_PAGE_SIZE", 2)
    organizer = make_organizer()
    for number in range(3):
        starts_at = clock.now() + timedelta(days=10 + number)
        make_event(
            organizer=organizer,
            name=f"Show {number}",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
        )

    first, second = Client().get("/?q=show"), Client().get("/?q=show&page=2")

    assert 'rel="next" href="/?q=show&amp;page=2"' in first.content.decode()
    assert "Show 2" in read(second)
    assert 'rel="prev" href="/?q=show&amp;page=1"' in second.content.decode()
    for wrong in ("3", "0", "x", "9" * 50, "-1"):
        assert Client().get(f"/?q=show&page={wrong}").status_code == 404


def test_a_page_of_the_catalogue_costs_no_query_when_it_is_cached():
    make_event()
    browser = Client()
    browser.get("/")

    with CaptureQueriesContext(connection) as queries:
        page = browser.get("/")

    assert page.status_code == 200
    assert len(queries) == 0
    assert page.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("query", ["?until=9999-12-31", "?since=0001-01-01", "?q=%00", "?page=1"])
def test_no_odd_search_causes_an_internal_error(query: str):
    make_event(name="Jazz")

    assert "Jazz" in look(query)
