"""The catalogue for buyers: which events are on sale, found by words, city and date."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from events.catalogue import CatalogueFilter, Period
from events.event_cache import CachedEvent
from events.listing import NoSuchPage, PageReading, PageRequest, read_page
from events.models import Event, TicketType
from events.pages.live_catalogue import read_first_page
from events.pages.sales import state_of_event, state_of_sales
from events.pictures import own_picture
from events.wording import show_money, show_start
from ticketing import clock
from ticketing.pages.kept import is_for_all, show_kept
from ticketing.pages.shop import show_public_page

_PAGE_SIZE: Final = 24
_LARGEST_PAGE: Final = 10_000
_ONE_DAY: Final = timedelta(days=1)
# The day after a visitor's last one, and every time zone's moment of it, must exist.
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(9998, 12, 31)


class _DayField(forms.DateField):
    widget = forms.DateInput(attrs={"type": "date"})

    def __init__(self, *, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            validators=[MinValueValidator(_FIRST_DAY), MaxValueValidator(_LAST_DAY)],
        )


class SearchForm(forms.Form):
    """The search of a visitor. Empty fields do not restrict it."""

    q = forms.CharField(
        label=_("Event, artist or place"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    city = forms.CharField(label=_("City"), required=False, max_length=100)
    since = _DayField(label=_("From"))
    until = _DayField(label=_("Until"))

    def narrowing(self) -> list[forms.BoundField]:
        """Return the fields that few visitors need."""
        return [self[name] for name in ("city", "since", "until")]

    def is_narrowed(self) -> bool:
        """Return whether a visitor has filled in one of those fields."""
        return any(field.value() for field in self.narrowing())

    def as_filter(self) -> CatalogueFilter:
        """Return the filter of a valid form. Days are those of the site's time zone."""
        sent = self.cleaned_data
        return CatalogueFilter(
            words=sent["q"],
            city=sent["city"],
            starts_after=_midnight(sent["since"]) if sent["since"] else None,
            starts_before=_midnight(sent["until"]) + _ONE_DAY if sent["until"] else None,
            period=Period.UPCOMING,
        )


def show_catalogue(request: HttpRequest) -> HttpResponse:
    """
    Show a page of the events that are published and not over.

    :raises Http404: if the list ends before the page
    """
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    now = clock.now()
    if is_for_all(request):
        live = read_first_page(_PAGE_SIZE, now=now)
        return show_kept(request, live.pages, lambda _: _show(request, live.reading, now))
    form = SearchForm(request.GET, label_suffix="")
    wanted = form.as_filter() if form.is_valid() else CatalogueFilter(period=Period.UPCOMING)
    number = _number_in(request.GET.get("page", "1"))
    try:
        reading = read_page(PageRequest(wanted, number, _PAGE_SIZE), now=now)
    except NoSuchPage as error:
        raise Http404 from error
    return _show(request, reading, now, form=form, number=number)


def _show(
    request: HttpRequest,
    reading: PageReading,
    now: datetime,
    *,
    form: SearchForm | None = None,
    number: int = 1,
) -> HttpResponse:
    form = form or SearchForm(label_suffix="")
    searched = {name: value for name in form.fields if (value := request.GET.get(name, ""))}
    context = {
        "form": form,
        "is_search": bool(searched),
        "events": _describe(reading, now),
        "count": reading.page.count,
        "previous": _page_link(searched, number - 1) if number > 1 else "",
        "next": _page_link(searched, number + 1)
        if number * _PAGE_SIZE < reading.page.count
        else "",
        "number": number,
    }
    return show_public_page(request, "events/catalogue.html", context)


def _describe(reading: PageReading, now: datetime) -> list[dict[str, Any]]:
    return [
        _describe_event(cached, left, now)
        for cached, left in zip(reading.page.events, reading.left, strict=True)
    ]


def _describe_event(cached: CachedEvent, left: Mapping[UUID, int], now: datetime) -> dict[str, Any]:
    event = cached.event
    shown = [kind for kind in cached.types.values() if not kind.is_hidden]
    on_sale = [kind for kind in shown if state_of_sales(kind, now) == "on_sale"]
    return {
        "event": event,
        "start": show_start(event),
        "picture": own_picture(event, 400),
        "large_picture": own_picture(event, 800),
        "state": _state(event, on_sale, left, now),
        "price": _price_from(event, [k for k in on_sale if left.get(k.pk)] or on_sale or shown),
    }


def _state(event: Event, on_sale: list[TicketType], left: Mapping[UUID, int], now: datetime) -> str:
    state = state_of_event(event, now)
    if state == "on_sale" and not any(left.get(kind.pk) for kind in on_sale):
        return "sold_out" if on_sale else "not_on_sale"
    return state


def _price_from(event: Event, kinds: list[TicketType]) -> str:
    prices = {kind.price for kind in kinds}
    if len(prices) <= 1:
        return "".join(show_money(price, event.currency) for price in prices)
    if not min(prices):
        return gettext("free and paid tickets")
    return gettext("from %(price)s") % {"price": show_money(min(prices), event.currency)}


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(settings.PAGES_TIME_ZONE))


def _number_in(text: str) -> int:
    """
    Return the number of a page.

    :raises Http404: if the text is none
    """
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= _LARGEST_PAGE):
        raise Http404
    return int(text[:6])


def _page_link(searched: Mapping[str, str], number: int) -> str:
    return f"/?{urlencode({**searched, 'page': number})}"
