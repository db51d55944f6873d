"""The response of `GET /events` to the public, and the query strings that were parsed before."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.utils.urls import remove_query_param, replace_query_param

from events.listing import PageReading, PageRequest, read_page
from events.showing import show_event_with
from ticketing import clock
from ticketing.api.freshness import answer_tagged, etag_of

# By query string, the page that the view has parsed from it. The shortcut skips the parsing.
_parsed_queries: dict[str, PageRequest] = {}
_MOST_QUERIES: Final = 2_000
_LONGEST_QUERY: Final = 500


def recall_query(request: HttpRequest) -> PageRequest | None:
    """Return the page that a request asks for, if its query string was parsed before."""
    return _parsed_queries.get(request.META.get("QUERY_STRING", ""))


def remember_query(request: HttpRequest, page_request: PageRequest) -> None:
    """Store which page the query string of a request asks for."""
    query = request.META.get("QUERY_STRING", "")
    if len(query) <= _LONGEST_QUERY:
        if len(_parsed_queries) >= _MOST_QUERIES:
            _parsed_queries.clear()
        _parsed_queries[query] = page_request


def clear_query_cache() -> None:
    """Drop all parsed query strings of this process."""
    _parsed_queries.clear()


def answer_page(request: HttpRequest, page_request: PageRequest) -> HttpResponse:
    """Return the response to a request for a page of the list."""
    reading = read_page(page_request, now=clock.now())
    page = reading.page
    address = request.build_absolute_uri()
    shown = page.shown
    if shown is None or shown[0] != address or shown[1] != reading.left:
        body = msgspec.json.encode(_show_page(reading, page_request, address))
        shown = page.shown = (address, reading.left, body, etag_of(body))
    _address, _left, body, etag = shown
    return answer_tagged(request, HttpResponse(body, content_type="application/json"), etag)


def _show_page(reading: PageReading, page_request: PageRequest, address: str) -> dict[str, Any]:
    page, number = reading.page, page_request.number
    following = previous = None
    if number * page_request.size < page.count:
        following = replace_query_param(address, "page", number + 1)
    if number == 2:  # noqa: PLR2004 - the first page needs no number
        previous = remove_query_param(address, "page")
    elif number > 1:
        previous = replace_query_param(address, "page", number - 1)
    results = [
        show_event_with(cached, left)
        for cached, left in zip(page.events, reading.left, strict=True)
    ]
    return {"count": page.count, "next": following, "previous": previous, "results": results}
