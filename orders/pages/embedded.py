"""The ticket choice of an event in a frame on a site of its organizer."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse

from events.pages.event import describe_event, describe_types
from events.pages.live import read_live_event
from orders.pages.choice_form import ChoiceForm, describe_choice
from orders.pricing import offered_types
from ticketing import clock
from ticketing.pages.shop import show_embedded_page

_METHODS: Final = ("GET", "HEAD")
# Without one of them the page follows the reader's device.
_THEMES: Final = ("light", "dark")


def show_embedded_choice(request: HttpRequest, slug: str) -> HttpResponse:
    """
    Show what is left of an event, with a form that leads the whole window to the event's page.

    Nothing is reserved in the frame, because browsers refuse its cookies (ADR 0016). The origin of
    the site is in `?host=`: the page tells its height to that one, if the organizer allows it. The
    site may choose the colors by `?theme=`.

    :raises Http404: if there is no such event, it is a draft, or no site may embed it
    """
    if request.method not in _METHODS:
        return HttpResponseNotAllowed(_METHODS)
    now = clock.now()
    live = read_live_event(slug, now=now)
    if live is None or not (origins := live.cached.event.organizer.embedding_origins):
        raise Http404
    event, host = live.cached.event, request.GET.get("host", "")
    theme = request.GET.get("theme", "")
    kinds = describe_types(live, offered_types(live.cached.types, None), {}, now)
    form = ChoiceForm(kinds=kinds, most=event.max_per_order)
    context = describe_event(live, now) | {
        **describe_choice(kinds, form),
        "page": reverse("event_page", args=[event.slug]),
        "host": host if host in origins else "",
        "theme": theme if theme in _THEMES else "",
    }
    return show_embedded_page(request, "orders/embedded.html", context, origins=origins)
