"""The public addresses of pictures. They lead to links of S3, and unlike them never expire."""

from typing import Final

from django.core.files.storage import storages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from events.logos import logo_name
from events.pictures import object_name

# The link of S3 is valid for an hour. A cache may keep the redirect for half of it.
CACHED_FOR: Final = "public, max-age=1800"


def show_picture(request: HttpRequest, key: str, width: str) -> HttpResponse:
    """
    Redirect to the stored picture.

    The link is computed here, without a question to S3 or the database. A picture that does not
    exist is a 403 or 404 of S3.
    """
    return _lead_to(object_name(key, int(width)))


def show_logo(request: HttpRequest, key: str, size: str) -> HttpResponse:
    """Redirect to the stored logo, as `show_picture` does."""
    return _lead_to(logo_name(key, int(size)))


def _lead_to(name: str) -> HttpResponse:
    link = storages["ticket_links"].url(name)
    return HttpResponseRedirect(link, headers={"Cache-Control": CACHED_FOR})
