"""The frame of all pages for buyers: language, headers, refusals, forms that act once."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import Resolver404, URLResolver, get_resolver, resolve
from django.utils import translation

from tests.browser.shown.every import EVERY_PAGE, NO_PAGES, views_of_the_shop
from ticketing.api.form_keys import act_once
from ticketing.api.idempotency import ResponseStore, shown_token
from ticketing.api.limits import RateLimitMiddleware
from ticketing.models import StoredResponse
from ticketing.pages.sections import Place, Section, add_section, render_sections
from ticketing.pages.shop import show_public_page

pytestmark = pytest.mark.django_db(transaction=True)

PORTUGUESE, ENGLISH = {"accept-language": "pt-PT"}, {"accept-language": "en-GB"}


def test_the_reader_chooses_the_language_and_it_stays():
    browser = Client(headers=ENGLISH)

    first = browser.get("/e/nowhere").content.decode()
    chosen = browser.get("/e/nowhere?lang=pt-br&page=2")
    later = browser.get("/e/nowhere").content.decode()

    assert '<html lang="en">' in first
    assert "Page not found" in first
    assert '<html lang="pt-BR">' in chosen.content.decode()
    assert 'href="/e/nowhere?page=2&amp;lang=en"' in chosen.content.decode()
    assert "Página não encontrada" in later
    assert chosen.headers["Content-Language"] == "pt-br"
    assert set(chosen.headers["Vary"].split(", ")) >= {"Cookie", "Accept-Language"}


def test_a_language_that_we_do_not_have_is_no_choice():
    answer = Client(headers=PORTUGUESE).get("/e/nowhere?lang=de")

    assert '<html lang="pt-BR">' in answer.content.decode()
    assert "django_language" not in answer.cookies


def test_a_page_for_buyers_loads_nothing_from_elsewhere_and_runs_no_inline_script():
    answer = Client().get("/e/nowhere")

    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "<style" not in answer.content.decode()


def test_a_form_without_its_csrf_token_is_refused_with_a_way_out():
    answer = Client(enforce_csrf_checks=True, headers=PORTUGUESE).post("/e/nowhere", {})

    assert answer.status_code == 403
    assert "Permita os cookies" in answer.content.decode()


def test_a_crowd_behind_one_address_gets_a_page_and_no_problem_document(settings):
    settings.RATE_LIMITS = {"read": "", "reserve": ":1/600", "write": ""}
    pass_on = RateLimitMiddleware(lambda _request: HttpResponse("done"))

    first, second = [
        pass_on(RequestFactory().post("/e/jazz", headers=PORTUGUESE)) for _ in range(2)
    ]

    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["Retry-After"]) > 1
    assert isinstance(second, HttpResponse)
    assert "Nada foi reservado" in second.content.decode()
    live = pass_on(RequestFactory().get("/e/jazz/live"))
    assert "RateLimit" not in live.headers


@pytest.mark.parametrize("path", ["/find", "/orders", "/tickets/validate", "/e/jazz", "/"])
def test_no_address_has_a_twin_with_a_line_break_for_which_other_limits_hold(path: str):
    resolve(path)

    with pytest.raises(Resolver404):
        resolve(f"{path}\n")


def test_no_pattern_of_an_address_lets_a_line_break_follow():
    patterns = [
        str(one.pattern)
        for each in get_resolver().url_patterns
        if isinstance(each, URLResolver) and not str(each.pattern)
        for one in each.url_patterns
    ]

    assert r"^find/?\Z" in patterns
    assert [pattern for pattern in patterns if pattern.endswith("$")] == []


def test_each_address_of_the_shop_is_a_page_that_a_browser_looks_at_or_is_named_as_no_page():
    assert views_of_the_shop() == set(EVERY_PAGE) | NO_PAGES


def form(**fields: str) -> HttpRequest:
    request = RequestFactory().post("/e/jazz", fields)
    request.META["CSRF_COOKIE"] = "of-this-browser"
    return request


def test_a_form_that_is_sent_twice_acts_once_and_a_changed_form_acts_again():
    done: list[str] = []

    def act(responses: ResponseStore) -> dict[str, str]:
        done.append("once")
        result = {"order": f"number {len(done)}"}
        responses.store(303, result, {})
        return result

    first = act_once(form(form_key="k1", quantity="2", csrfmiddlewaretoken="a"), act)
    again = act_once(form(form_key="k1", quantity="2", csrfmiddlewaretoken="b"), act)
    changed = act_once(form(form_key="k1", quantity="3"), act)
    other = act_once(form(form_key="k2", quantity="2"), act)

    assert first == again == {"order": "number 1"}
    assert [changed["order"], other["order"]] == ["number 2", "number 3"]


def test_the_secret_of_a_forms_result_is_derived_again_and_not_stored():
    kept: dict[str, str] = {}
    secret = shown_token("token", "ord_", lambda _body: kept["digest"])

    def act(responses: ResponseStore) -> dict[str, str]:
        token = responses.make_token()
        assert token is not None
        kept["digest"] = token.digest
        result = {"order": "1", "token": token.text}
        responses.store(303, result, {})
        return result

    first = act_once(form(form_key="k"), act, shown_once=secret)
    again = act_once(form(form_key="k"), act, shown_once=secret)

    assert first == again
    assert first["token"] not in StoredResponse.objects.get().body


def test_a_section_of_another_app_is_shown_if_it_has_something_to_say(monkeypatch):
    monkeypatch.setattr("ticketing.pages.sections._sections", {Place.ORDER: []})
    heading = "pages/refused.html"
    add_section(Place.ORDER, Section(heading, lambda _r, row: {"heading": f"late {row}"}, 60))
    add_section(Place.ORDER, Section(heading, lambda _r, _row: None))
    add_section(Place.ORDER, Section(heading, lambda _r, row: {"heading": f"early {row}"}, 10))

    early, late = render_sections(Place.ORDER, RequestFactory().get("/o/"), "one")

    assert "early one" in early
    assert "late one" in late


@pytest.mark.parametrize("path", ["/e/jazz", "/e/jazz/"])
def test_search_engines_get_one_address_of_each_language(path: str):
    request = RequestFactory().get(f"{path}?lang=en&utm_source=x")

    with translation.override("en"):
        page = show_public_page(request, "pages/refused.html", {"heading": "Jazz"})

    head = page.content.decode()
    assert '<link rel="canonical" href="http://localhost:8000/e/jazz?lang=en">' in head
    assert 'hreflang="pt-BR" href="http://localhost:8000/e/jazz?lang=pt-br"' in head
    assert 'hreflang="x-default" href="http://localhost:8000/e/jazz"' in head
    assert "noindex" not in head
