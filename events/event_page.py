"""The page of an event for everybody: what, when, where, and what tickets cost."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation

from events.catalogue import find_event, show_availability
from events.models import Event, EventStatus
from events.pictures import own_picture
from events.wording import show_money, show_start
from ticketing import clock
from ticketing.api.requests import language_of

# The picture is on our own address, which redirects to the store.
_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none';"
    " form-action 'none'; img-src 'self' "
)


def show_event_page(request: HttpRequest, slug: str) -> HttpResponse:
    """
    Show a published or cancelled event in the reader's language.

    :raises Http404: if there is no such event, or it is a draft
    """
    event = find_event(slug)
    if event is None or event.slug != slug or event.status == EventStatus.DRAFT:
        raise Http404
    show_availability([event], now=clock.now())
    language = language_of(request)
    with translation.override(language):
        page = render(request, "events/event.html", _describe(event) | {"language": language})
    page.headers["Content-Security-Policy"] = _POLICY + " ".join(settings.TICKETS_ORIGINS)
    page.headers["Vary"] = "Accept-Language"
    return page


def _describe(event: Event) -> dict[str, Any]:
    kinds = sorted(event.ticket_types.all(), key=lambda kind: kind.number)
    return {
        "event": event,
        "start": show_start(event),
        "picture": own_picture(event, 800),
        "large_picture": own_picture(event, 1600),
        "is_cancelled": event.status == EventStatus.CANCELLED,
        "is_over": event.ends_at <= clock.now(),
        "kinds": [
            {
                "name": kind.name,
                "price": show_money(kind.price, event.currency),
                "is_sold_out": not vars(kind)["available"],
            }
            for kind in kinds
            if not kind.is_hidden
        ],
    }
