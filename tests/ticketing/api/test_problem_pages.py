"""A problem's `type` leads to a page that explains it, in English and in Portuguese."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from tests.make import as_bearer, make_reservation
from ticketing.api.explanations import explanation_of, sections_in

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(settings.BASE_DIR) / "docs"
CODES = re.findall(r"^### `([a-z_]+)`", (DOCS / "problems.md").read_text(), re.MULTILINE)


def statuses(language: str) -> dict[str, int]:
    return {
        problem.code: problem.status
        for section in sections_in(language)
        for problem in section.problems
    }


def test_both_languages_explain_every_problem_with_its_status():
    assert sorted(statuses("en")) == sorted(CODES)
    assert statuses("pt-br") == statuses("en")


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_every_explanation_has_text_without_markdown(language: str):
    for code in CODES:
        problem = explanation_of(code, language)
        assert problem is not None
        words = "".join(problem.paragraphs)
        assert len(words) > 20, code
        assert not re.search(r"`|\]\(|\.md\)|^#", words), code
        assert words.count("<code>") == words.count("</code>")


def test_the_type_of_a_problem_is_the_path_of_its_page(api: APIClient):
    problem = api.post("/orders", {"event": "nowhere"}).json()

    page = api.get(problem["type"])

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    text = page.content.decode()
    assert "<h1><code>invalid_request</code></h1>" in text
    assert "Fix what <code>errors</code> names." in text


@pytest.mark.parametrize(
    ("query", "accepted", "language", "words"),
    [
        ("", "", "en", "Ask for fewer"),
        ("", "pt-BR,pt;q=0.9", "pt-BR", "Peça menos"),
        ("", "pt", "pt-BR", "Peça menos"),
        ("", "de", "en", "Ask for fewer"),
        ("", "de,pt;q=0.5,en;q=0.1", "pt-BR", "Peça menos"),
        ("", "*", "en", "Ask for fewer"),
        ("", "en-GB", "en", "Ask for fewer"),
        ("?lang=pt-BR", "en", "pt-BR", "Peça menos"),
        ("?lang=en", "pt-BR", "en", "Ask for fewer"),
    ],
)
def test_the_page_is_in_the_readers_language(
    api: APIClient, query: str, accepted: str, language: str, words: str
):
    headers = {"Accept-Language": accepted} if accepted else {}

    page = api.get(f"/problems/sold_out{query}", headers=headers)

    text = page.content.decode()
    assert words in text
    assert f'<html lang="{language}">' in text
    assert page.headers["Content-Language"] == language
    assert "Accept-Language" in page.headers["Vary"]
    assert ("Referência da API" in text) == (language == "pt-BR")


def test_the_index_links_to_every_page(api: APIClient):
    text = api.get("/problems").content.decode()

    links = re.findall(r'href="(/problems/[a-z_]+\?lang=en)"', text)

    assert len(links) == len(CODES)
    for link in links:
        assert api.get(link).status_code == 200, link


@pytest.mark.parametrize("path", ["/problems", "/problems/sold_out"])
def test_a_page_is_small_and_caches_may_store_it(api: APIClient, path: str):
    page = api.get(path)

    assert page.headers["Cache-Control"] == "public, max-age=300"
    assert not page.cookies
    assert len(page.content) < 16_000
    text = page.content.decode()
    assert "<script" not in text
    assert "https://" not in re.sub(r"<a [^>]*>", "", text)


@pytest.mark.parametrize("accepted", ["application/json", "text/html", "application/problem+json"])
def test_the_page_is_returned_for_every_accept_header(api: APIClient, accepted: str):
    assert api.get("/problems/sold_out", HTTP_ACCEPT=accepted).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/problems/no_such_code", 404, "not_found"),
        ("get", "/problems/..", 404, "not_found"),
        ("get", "/problems/sold_out?lang=de", 400, "invalid_request"),
        ("get", "/problems?language=en", 400, "invalid_request"),
        ("post", "/problems/sold_out", 405, "method_not_allowed"),
    ],
)
def test_a_request_for_a_page_that_does_not_exist_gets_a_problem(
    api: APIClient, method: str, path: str, status: int, code: str
):
    answer = getattr(api, method)(path)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", [{"method": "card"}, {"method": "pix", "token": ""}])
def test_a_payment_without_a_token_is_refused_as_required(body: dict[str, Any]):
    reservation = make_reservation()

    answer = as_bearer(reservation.token.text).post(f"/orders/{reservation.order_id}/payment", body)

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"], error["code"]) == (400, "#/token", "required")
    assert "gateway" not in error["detail"]


def test_a_token_that_the_gateway_does_not_know_is_refused_as_not_accepted():
    reservation = make_reservation()

    answer = as_bearer(reservation.token.text).post(
        f"/orders/{reservation.order_id}/payment", {"method": "card", "token": "tok_other"}
    )

    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("#/token", "payment_not_accepted")


@pytest.mark.parametrize("key", ["", "x" * 256, "a-key"])
def test_an_error_in_a_header_names_the_header(api: APIClient, key: str):
    answer = api.post("/orders", {}, headers={"Idempotency-Key": key})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["in"], error["pointer"]) == (400, "header", "Idempotency-Key")
    assert answer.json()["detail"].startswith("Idempotency-Key: ")
