"""Security and cache headers of every response: what a browser may load, and what it may store."""

import re
from functools import cache
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from ticketing.api.requests import Handler
from ticketing.pages.shop import NOT_STORED, REVALIDATED

_POLICY: Final = "Content-Security-Policy"
# These change only with a release.
_DOCUMENT: Final = "public, max-age=300"
_DOCUMENTS: Final = frozenset({"/schema", "/docs"})
_PROBLEMS: Final = "/problems"
_CATALOGUE: Final = "/events"
_PICTURES: Final = "/pictures/"
# The same for every reader. The view says for how long.
_FOR_ALL: Final = re.compile(
    r"/robots\.txt|/sitemap[-0-9]*\.xml|/e/[^/]+/card\.png|/accent/\w+\.css"
)
_READ_METHODS: Final = frozenset({"GET", "HEAD"})
_SUCCESSFUL: Final = frozenset({200, 304})

# For a response that is not a page: it loads nothing, and no page may show it in a frame.
_NO_PAGE: Final = "default-src 'none'; frame-ancestors 'none'"
_CLOSED: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_STYLES: Final = "style-src 'self' 'unsafe-inline'; font-src 'self'"
_DOCS: Final = (
    f"{_CLOSED}; {_STYLES}; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'none'"
)
_MAILBOX: Final = (
    f"{_CLOSED}; {_STYLES}; script-src 'self'; connect-src 'self'; img-src 'self';"
    " frame-src 'self'; form-action 'none'"
)
# A page for buyers has a form at most.
_PAGE: Final = f"{_CLOSED}; {_STYLES}; img-src 'self'; form-action 'self'"
_PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class BrowserHeadersMiddleware:
    """
    Set the headers of every response, including refusals, redirects and internal errors.

    It wraps all other middleware that may respond. A policy that a view has set is kept.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        # Read once: Django computes this setting at each access.
        self.static_url = settings.STATIC_URL

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        path = request.path_info
        if path.startswith(self.static_url) and response.status_code in _SUCCESSFUL:
            return response
        if headers.get("Content-Type", "").startswith("text/html"):
            headers.setdefault(_POLICY, _policy_of(path))
            headers.setdefault("Permissions-Policy", _PERMISSIONS)
        else:
            headers.setdefault(_POLICY, _NO_PAGE)
        if path.startswith(_PICTURES) and response.status_code == HTTPStatus.FOUND:
            # The view says how long: its redirect is the same for every caller.
            return response
        if _FOR_ALL.fullmatch(path) and response.status_code in _SUCCESSFUL:
            return response
        if headers.get("Cache-Control") == REVALIDATED and response.status_code in _SUCCESSFUL:
            # A public page of the shop. It may be personal by its language and its form.
            return response
        if not _may_be_stored(request, response):
            headers["Cache-Control"] = NOT_STORED
        elif _is_document(path):
            headers["Cache-Control"] = _DOCUMENT
        return response


def _may_be_stored(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Say whether a shared cache may store a response: it is the same for every caller."""
    if response.status_code not in _SUCCESSFUL or request.method not in _READ_METHODS:
        return False
    meta = request.META
    if meta.get("HTTP_COOKIE") or meta.get("HTTP_AUTHORIZATION") or response.cookies:
        return False
    if _is_document(request.path_info):
        return True
    path = request.path_info.rstrip("/")
    if path == _CATALOGUE:
        return True
    # `/events/{reference}` is public. The paths below it are for the organizer.
    return path.startswith("/events/") and path.count("/") == 2  # noqa: PLR2004


def _is_document(path: str) -> bool:
    return path.rstrip("/") in _DOCUMENTS or path.startswith(_PROBLEMS)


def _policy_of(path: str) -> str:
    if path.startswith("/mailbox"):
        return _MAILBOX
    if path.startswith("/docs"):
        return _DOCS
    if not path.startswith("/admin"):
        return _PAGE
    return _admin_policy(" ".join(settings.TICKETS_ORIGINS))


@cache
def _admin_policy(image_origins: str) -> str:
    # 'unsafe-eval' is for Alpine.js, which the admin's theme uses: it compiles expressions from
    # attributes. Inline scripts stay forbidden.
    return (
        f"{_CLOSED}; {_STYLES}; script-src 'self' 'unsafe-eval'; connect-src 'self';"
        f" form-action 'self'; img-src 'self' data: {image_origins}"
    )
