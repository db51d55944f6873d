"""The list of events as everybody gets it: the quick way, and what the view has in common."""

from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from rest_framework.utils.urls import remove_query_param, replace_query_param

from events.listing import PageNow, WantedPage, read_page
from events.showing import show_event_with
from ticketing import clock
from ticketing.api.freshness import answer_tagged, etag_of

# Queries that the view has read, as they were sent: the same one means the same again.
_read_before: dict[str, WantedPage] = {}
_MOST_QUERIES: Final = 2_000
_LONGEST_QUERY: Final = 500


def answer_page(request: HttpRequest, asked: WantedPage) -> HttpResponse:
    """Return a page of the list, and remember what the query of this request asks for."""
    answer = _answer(request, asked)
    query = request.META.get("QUERY_STRING", "")
    # Only now: what the limits refuse is not remembered.
    if len(query) <= _LONGEST_QUERY:
        if len(_read_before) >= _MOST_QUERIES:
            _read_before.clear()
        _read_before[query] = asked
    return answer


def list_events_quickly(request: HttpRequest) -> HttpResponse | None:
    """Do the same for a stranger who sends a query that the view has read before."""
    asked = _read_before.get(request.META.get("QUERY_STRING", ""))
    if asked is None or "HTTP_AUTHORIZATION" in request.META:
        return None
    return _answer(request, asked)


def clear_query_cache() -> None:
    """Forget what queries mean."""
    _read_before.clear()


def _answer(request: HttpRequest, asked: WantedPage) -> HttpResponse:
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
