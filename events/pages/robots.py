"""What search engines may read: `robots.txt`, and the list of the events on sale."""

from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from events.models import Event, EventStatus
from ticketing import clock

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE: Final = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_EVENTS_ON_A_PAGE: Final = 1_000
# A list of more events than these would be read by nobody. It bounds the count.
_MOST_PAGES: Final = 50
_CACHED_FOR: Final = "public, max-age=3600"


def show_robots(_request: HttpRequest) -> HttpResponse:
    """Say which paths search engines leave out: those of one person."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in ("/o/", "/admin/", "/orders/"))]
    return _answer(
        "\n".join([*lines, f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml", ""]), "text/plain"
    )


def show_sitemap_index(_request: HttpRequest) -> HttpResponse:
    """Return the list of the pages of the sitemap."""
    pages = max(
        1, -(-_on_sale().order_by()[: _MOST_PAGES * _EVENTS_ON_A_PAGE].count() // _EVENTS_ON_A_PAGE)
    )
    entries = "".join(
        f"<sitemap><loc>{settings.PUBLIC_URL}/sitemap-{number}.xml</loc></sitemap>"
        for number in range(1, pages + 1)
    )
    return _answer(f"{_HEAD}<sitemapindex {_NAMESPACE}>{entries}</sitemapindex>", "application/xml")


def show_sitemap(_request: HttpRequest, number: str) -> HttpResponse:
    """Return one page of the sitemap: the catalogue on the first one, and events."""
    page = int(number)
    if page > _MOST_PAGES:
        return HttpResponse(status=HTTPStatus.NOT_FOUND)
    first = (page - 1) * _EVENTS_ON_A_PAGE
    slugs = _on_sale().values_list("slug", flat=True)[first : first + _EVENTS_ON_A_PAGE]
    paths = ["/"] * (page == 1) + [f"/e/{slug}" for slug in slugs]
    entries = "".join(f"<url><loc>{settings.PUBLIC_URL}{path}</loc></url>" for path in paths)
    return _answer(f"{_HEAD}<urlset {_NAMESPACE}>{entries}</urlset>", "application/xml")


def _on_sale() -> QuerySet[Event]:
    on_sale = Event.objects.filter(status=EventStatus.PUBLISHED, ends_at__gt=clock.now())
    return on_sale.order_by("starts_at", "id")


def _answer(text: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        text, content_type=f"{content_type}; charset=utf-8", headers={"Cache-Control": _CACHED_FOR}
    )
