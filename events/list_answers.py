"""The response of the list of events, for both ways of `Events`, and the queries parsed so far."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.utils.urls import remove_query_param, replace_query_param

from events.listing import PageNow, WantedPage, read_page
from events.showing import show_event_with
from ticketing import clock
from ticketing.api.freshness import answer_tagged, etag_of

# What each query string asks for. Parsing it once is enough: the same string means the same page.
_read_before: dict[str, WantedPage] = {}
_MOST_QUERIES: Final = 2_000
_LONGEST_QUERY: Final = 500


def recall_query(request: HttpRequest) -> WantedPage | None:
    """Return the page that a request asks for, if its query string was parsed before."""
    return _read_before.get(request.META.get("QUERY_STRING", ""))


def remember_query(request: HttpRequest, page: WantedPage) -> None:
    """Store which page the query string of a request asks for."""
    query = request.META.get("QUERY_STRING", "")
    if len(query) <= _LONGEST_QUERY:
        if len(_read_before) >= _MOST_QUERIES:
            _read_before.clear()
        _read_before[query] = page


def forget_queries() -> None:
    """Empty the store of parsed queries."""
    _read_before.clear()


def answer_page(request: HttpRequest, asked: WantedPage) -> HttpResponse:
    """Return the response to a request for a page of the list."""
    now = read_page(asked, now=clock.now())
    page = now.page
    address = request.build_absolute_uri()
    shown = page.shown
    if shown is None or shown[0] != address or shown[1] != now.left:
        body = msgspec.json.encode(_show_page(now, asked, address))
        shown = page.shown = (address, now.left, body, etag_of(body))
    _address, _left, body, etag = shown
    return answer_tagged(request, HttpResponse(body, content_type="application/json"), etag)


def _show_page(now: PageNow, asked: WantedPage, address: str) -> dict[str, Any]:
    page = now.page
    following = previous = None
    if asked.number * asked.size < page.count:
        following = replace_query_param(address, "page", asked.number + 1)
    if asked.number == 2:  # noqa: PLR2004 - the first page needs no number
        previous = remove_query_param(address, "page")
    elif asked.number > 1:
        previous = replace_query_param(address, "page", asked.number - 1)
    results = [
        show_event_with(cached, left) for cached, left in zip(page.events, now.left, strict=True)
    ]
    return {"count": page.count, "next": following, "previous": previous, "results": results}
