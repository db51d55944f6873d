"""What each answer tells browsers and caches: what they may load, and what they may keep."""

from functools import cache
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from ticketing.api.requests import Handler

_POLICY: Final = "Content-Security-Policy"
_UNKEPT: Final = "private, no-store"
# The documents change with a release.
_DOCUMENT: Final = "public, max-age=300"
_DOCUMENTS: Final = frozenset({"/schema", "/docs"})
_EXPLANATIONS: Final = "/problems"
_CATALOGUE: Final = "/events"
_READING: Final = frozenset({"GET", "HEAD"})
_WHOLE: Final = frozenset({200, 304})

# An answer that is no page: nothing in it may be loaded, and no page may show it in a frame.
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'"
_CLOSED: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_STYLES: Final = "style-src 'self' 'unsafe-inline'; font-src 'self'"
_DOCS: Final = (
    f"{_CLOSED}; {_STYLES}; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'none'"
)
_MAILBOX: Final = f"{_CLOSED}; {_STYLES}; img-src 'self'; frame-src 'self'; form-action 'none'"
# A page for buyers: a form at most.
_PAGE: Final = f"{_CLOSED}; {_STYLES}; img-src 'self'; form-action 'self'"
_PERMISSIONS: Final = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


class BrowserHeadersMiddleware:
    """
    Give every answer its headers for browsers and caches: also refusals, redirects and bugs.

    It stands around all that answers. A view that has set a policy of its own keeps it.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        # Once: Django makes it anew each time that it is asked.
        self.files = settings.STATIC_URL

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        path = request.path_info
        if path.startswith(self.files) and response.status_code in _WHOLE:
            return response
        if headers.get("Content-Type", "").startswith("text/html"):
            headers.setdefault(_POLICY, _policy_of(path))
            headers.setdefault("Permissions-Policy", _PERMISSIONS)
        else:
            headers.setdefault(_POLICY, _NOTHING)
        if not _may_be_kept(request, response):
            headers["Cache-Control"] = _UNKEPT
        elif _is_document(path):
            headers["Cache-Control"] = _DOCUMENT
        return response


def _may_be_kept(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Say whether an answer is the same for everybody: nobody said who he is, and got a cookie."""
    if response.status_code not in _WHOLE or request.method not in _READING:
        return False
    told = request.META
    if told.get("HTTP_COOKIE") or told.get("HTTP_AUTHORIZATION") or response.cookies:
        return False
    if _is_document(request.path_info):
        return True
    path = request.path_info.rstrip("/")
    if path == _CATALOGUE:
        return True
    # One event; what stands deeper is its organizer's.
    return path.startswith("/events/") and path.count("/") == 2  # noqa: PLR2004


def _is_document(path: str) -> bool:
    return path.rstrip("/") in _DOCUMENTS or path.startswith(_EXPLANATIONS)


def _policy_of(path: str) -> str:
    if path.startswith("/mailbox"):
        return _MAILBOX
    if path.startswith("/docs"):
        return _DOCS
    if not path.startswith("/admin"):
        return _PAGE
    return _admin_policy(" ".join(settings.TICKETS_ORIGINS))


@cache
def _admin_policy(pictures: str) -> str:
    # Alpine.js, which the admin's theme is made with, compiles what stands in its attributes:
    # that is 'unsafe-eval'. No script stands in a page itself.
    return (
        f"{_CLOSED}; {_STYLES}; script-src 'self' 'unsafe-eval'; connect-src 'self';"
        f" form-action 'self'; img-src 'self' data: {pictures}"
    )
