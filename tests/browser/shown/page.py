"""One page in one state, and how a browser shows it without a server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.contrib.staticfiles.finders import find
from django.test import Client
from django.urls import ResolverMatch, URLPattern
from playwright.sync_api import Page, Route

from orders.models import Order
from orders.page_link import link_token

_SITE = "http://testserver"
_LANGUAGE = "pt-BR"
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as a browser got it, and the browser, which may ask for more."""

    state: str
    browser: Client
    path: str
    response: Any
    # A form came back with what is wrong.
    is_refused: bool = False


States = Callable[[], Iterator[Shown]]


def get(state: str, path: str, one: Client | None = None) -> Shown:
    one = one or browser()
    return Shown(state, one, path.partition("?")[0], one.get(path))


def post(state: str, path: str, fields: dict[str, Any], one: Client | None = None) -> Shown:
    one = one or browser()
    answer = one.post(path, fields)
    return Shown(state, one, path, answer, answer.status_code in _REFUSED)


def browser() -> Client:
    return Client(headers={"accept-language": _LANGUAGE}, raise_request_exception=False)


def browser_of(order: Order) -> Client:
    """Return a browser that may open the order's pages."""
    one = browser()
    one.cookies["order"] = link_token(order)
    return one


def name_of(found: URLPattern | ResolverMatch) -> str:
    """Return the name of a view: that of its function or class."""
    view = found.callback if isinstance(found, URLPattern) else found.func
    return str(getattr(view, "view_class", view).__name__)


def open_in(page: Page, shown: Shown) -> None:
    """Show the page in a tab. Its scripts get what they ask for from the same browser."""
    assert "Location" not in shown.response.headers, shown
    answers = {shown.path: shown.response}

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.path.startswith("/static/"):
            status, headers, body = _static(address.path)
        else:
            asked = f"{address.path}?{address.query}"
            given = answers.pop(address.path, None) or shown.browser.get(asked)
            status, headers, body = given.status_code, dict(given.headers), given.content
        route.fulfill(status=status, headers=headers, body=body)

    page.unroute_all()
    page.route(f"{_SITE}/**", answer)
    page.goto(f"{_SITE}{shown.path}")


@cache
def _static(path: str) -> tuple[int, dict[str, str], bytes]:
    found = find(path.removeprefix("/static/"))
    if found is None:
        return 404, {}, b""
    kind = guess_type(path)[0] or "application/octet-stream"
    return 200, {"Content-Type": kind}, Path(str(found)).read_bytes()
