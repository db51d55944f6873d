"""A public page is rendered once for many readers, and each of them gets what is theirs."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from events.models import Event
from events.organizing import change_event
from events.pages.live import clear_live_events
from events.pages.live_catalogue import clear_live_catalogue
from orders.models import Order
from tests.make import SOMEBODY, make_event
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

_OWN = re.compile(r'name="(csrfmiddlewaretoken|form_key)" value="([^"]+)"')


def own_values(page: Any) -> dict[str, str]:
    return dict(_OWN.findall(page.content.decode()))


def without_own_values(page: Any) -> str:
    return _OWN.sub("", page.content.decode())


def test_a_second_reader_costs_no_query_and_gets_tokens_of_its_own(
    django_assert_num_queries: DjangoAssertNumQueries,
):
    path = f"/e/{make_event().slug}"
    first = Client().get(path)

    with django_assert_num_queries(0):
        second = Client().get(path)

    assert without_own_values(first) == without_own_values(second)
    one, other = own_values(first), own_values(second)
    assert set(one) == set(other) == {"csrfmiddlewaretoken", "form_key"}
    assert one["csrfmiddlewaretoken"] != other["csrfmiddlewaretoken"]
    assert one["form_key"] != other["form_key"]


def test_the_form_of_a_kept_page_reserves_and_a_foreign_token_does_not():
    event = make_event()
    kind = event.ticket_types.get()
    other, buyer = Client(enforce_csrf_checks=True), Client(enforce_csrf_checks=True)
    foreign = own_values(other.get(f"/e/{event.slug}"))
    own = own_values(buyer.get(f"/e/{event.slug}"))
    person = {"name": "Ana", "email": "ana@example.com", "email_again": "ana@example.com"}
    sent = {f"q_{kind.pk}": "1"} | person

    assert own["csrfmiddlewaretoken"] == buyer.cookies["csrftoken"].value
    masked = own_values(buyer.get(f"/e/{event.slug}"))
    assert masked["csrfmiddlewaretoken"] != own["csrfmiddlewaretoken"]

    refused = buyer.post(f"/e/{event.slug}", sent | foreign)
    assert (refused.status_code, Order.objects.count()) == (403, 0)
    reserved = [buyer.post(f"/e/{event.slug}", sent | form).status_code for form in (own, masked)]
    assert (reserved, Order.objects.count()) == ([303, 303], 2)


@pytest.mark.parametrize("path", ["/", "/e/{slug}", "/e/{slug}/"])
def test_each_reader_gets_the_page_in_the_own_language(path: str):
    path = path.format(slug=make_event().slug)

    for _ in range(2):
        for language in ("en", "pt-BR"):
            page = Client(headers={"accept-language": language}).get(path)
            assert f'<html lang="{language}">' in page.content.decode()
            assert page.headers["Content-Language"] == language.lower()
            assert {"Cookie", "Accept-Language"} <= set(page.headers["Vary"].split(", "))
            assert page.headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
            assert page.headers["Cache-Control"] == "private, no-cache"


def test_a_kept_page_is_as_new_as_what_is_known_of_the_event():
    event = make_event()
    rename(event, "Jazz")
    assert "Jazz" in read_both(event)

    rename(event, "Blues")
    clear_live_events()
    clear_live_catalogue()

    assert "Jazz" not in read_both(event)
    assert read_both(event).count("<h1>Blues</h1>") == 1


def rename(event: Event, name: str) -> None:
    change_event(
        event_id=event.pk,
        fields={"name": name},
        ticket_types=None,
        actor=SOMEBODY,
        now=clock.now(),
    )


def read_both(event: Event) -> str:
    pages = [Client().get("/"), Client().get(f"/e/{event.slug}")]
    return "".join(page.content.decode() for page in pages)


def test_a_page_with_a_query_is_made_for_its_reader_alone():
    event = make_event()
    kind = event.ticket_types.get()
    Client().get(f"/e/{event.slug}")

    chosen = Client().get(f"/e/{event.slug}?q_{kind.pk}=2").content.decode()
    plain = Client().get(f"/e/{event.slug}").content.decode()

    assert re.search(r'type="number"[^>]* value="2"', chosen)
    assert not re.search(r'type="number"[^>]* value="2"', plain)
