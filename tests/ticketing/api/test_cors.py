"""Pages of the origins in a setting may call the API. The admin is closed to all origins."""

import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings as live
from rest_framework.test import APIClient

from tests.make import make_event, reservation_request

pytestmark = pytest.mark.django_db(transaction=True)

SHOP = "https://shop.example.com"
CORS = "corsheaders.middleware.CorsMiddleware"


@pytest.fixture
def shop(settings) -> APIClient:
    """Return a browser on a page of the shop, whose origin may call the API."""
    settings.CORS_ALLOWED_ORIGINS = [SHOP]
    first, *rest = settings.MIDDLEWARE
    settings.MIDDLEWARE = [first, CORS, *rest]
    return APIClient(raise_request_exception=False, headers={"Origin": SHOP})


def words(answer: Any, header: str) -> set[str]:
    return {word.strip().lower() for word in answer.headers[header].split(",")}


def test_a_page_of_the_shop_can_read_every_response_of_the_api(
    shop: APIClient, settings, monkeypatch: pytest.MonkeyPatch
):
    event = make_event()
    reservation = reservation_request(event)
    settings.RATE_LIMITS = {"write": ":1/7200"}

    def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    answers = [
        shop.get(f"/events/{event.slug}"),
        shop.post("/orders", reservation),
        shop.get("/nowhere"),
        shop.put("/events/x", {}),
        shop.put("/events/x", {}),
    ]
    with monkeypatch.context() as bug:
        bug.setattr("django.db.models.query.QuerySet.count", broken)
        answers.append(shop.get("/events"))

    assert [answer.status_code for answer in answers] == [200, 201, 404, 401, 429, 500]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == SHOP
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "origin" in words(answer, "Vary")
    assert words(answers[0], "Access-Control-Expose-Headers") == {
        "location", "retry-after", "ratelimit", "ratelimit-policy", "idempotent-replayed", "etag",
        "last-modified", "x-request-id", "deprecation", "sunset", "link",
    }  # fmt: skip


def test_the_response_to_a_preflight_request_names_what_a_page_may_send(shop: APIClient, settings):
    settings.RATE_LIMITS = {"read": ":1/7200"}
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x"}

    answers = [shop.options("/orders", headers=preflight) for _ in range(2)]

    # A preflight request does not count against the rate limit.
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].headers["Access-Control-Allow-Origin"] == SHOP
    assert words(answers[0], "Access-Control-Allow-Headers") == {
        "authorization", "content-type", "idempotency-key", "x-request-id", "if-none-match",
        "if-match", "if-modified-since", "accept-language",
    }  # fmt: skip
    assert {"post", "patch", "put"} <= words(answers[0], "Access-Control-Allow-Methods")
    assert answers[0].headers["X-Request-Id"]


def test_a_page_of_another_origin_reads_nothing(shop: APIClient):
    stranger = APIClient(headers={"Origin": "https://shop.example.com.evil.test"})

    assert "Access-Control-Allow-Origin" not in stranger.get("/events").headers
    preflight = {"Access-Control-Request-Method": "POST"}
    assert (
        "Access-Control-Allow-Origin" not in stranger.options("/orders", headers=preflight).headers
    )


@pytest.mark.parametrize("path", ["/admin/login/", "/i18n/setlang/", "/metrics", "/static/x.css"])
def test_pages_and_metrics_are_closed_to_every_origin(shop: APIClient, path: str):
    assert "Access-Control-Allow-Origin" not in shop.get(path).headers


@pytest.mark.parametrize(("origins", "installed"), [("", False), (SHOP, True)])
def test_the_middleware_is_installed_only_with_an_origin(
    monkeypatch: pytest.MonkeyPatch, origins: str, *, installed: bool
):
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", origins)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings.test")
    program = "from django.conf import settings; print(*settings.MIDDLEWARE)"

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=live.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (CORS in done.stdout.split()) == installed
