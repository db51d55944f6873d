"""What stands around every request: its id, and the language of our pages."""

import re
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from django.utils import timezone, translation
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars, reset_contextvars

from ticketing.ids import new_id

HEADER = "X-Request-Id"
_SENT_HEADER = "HTTP_X_REQUEST_ID"
_PROBLEM_CODE = "PROBLEM_CODE"
# Of these a length would be the body's that was not sent (RFC 9110, 8.6).
_WITHOUT_BODY = (204, 304)
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# What a person looks at; everything else is the API.
_PAGES = ("/admin", "/mailbox", "/i18n")
# What programs ask for.
_API = (
    "/events",
    "/orders",
    "/tickets",
    "/webhooks",
    "/devices",
    "/healthz",
    "/readyz",
    "/metrics",
    "/schema",
)
API_LANGUAGE = "en"

Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Take the caller's request id or make one, give it back, and write it into every line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        theirs = request.META.get(_SENT_HEADER, "")
        ours = theirs if _ACCEPTABLE_ID.fullmatch(theirs) else str(new_id())
        request.META["REQUEST_ID"] = ours
        bound = bind_contextvars(request_id=ours)
        try:
            response = self.get_response(request)
        finally:
            # The thread goes on to another request.
            reset_contextvars(**bound)
        response.headers[HEADER] = ours
        if (
            isinstance(response, HttpResponse)
            and response.status_code not in _WITHOUT_BODY
            and "Content-Length" not in response.headers
        ):
            # Servers send a body of unknown length in chunks, which costs every client more.
            response.headers["Content-Length"] = str(len(response.content))
        return response


class ApiMiddleware:
    """
    Take a request of the API that has no cookie straight to its view.

    It has no session, no form and no messages: what stands after this middleware is for pages.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.META.get("HTTP_COOKIE") or not request.path_info.startswith(_API):
            return self.get_response(request)
        match = request.resolver_match = _resolve(request.path_info)
        if not getattr(match.func, "speaks_for_itself", False):
            speak_as_api(request)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


# A few paths are asked for again and again.
_resolve = lru_cache(maxsize=4096)(resolve)


class PagesLocaleMiddleware(LocaleMiddleware):
    """Speak the reader's language on pages, by his clock. The API speaks English, in UTC."""

    def process_request(self, request: HttpRequest) -> None:
        if is_page(request):
            super().process_request(request)
            timezone.activate(ZoneInfo(settings.PAGES_TIME_ZONE))
        else:
            speak_as_api(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        return super().process_response(request, response) if is_page(request) else response


def speak_as_api(request: HttpRequest) -> None:
    """Speak English, in UTC, whatever this thread spoke before."""
    translation.activate(API_LANGUAGE)
    request.LANGUAGE_CODE = API_LANGUAGE
    timezone.deactivate()


def is_page(request: HttpRequest) -> bool:
    """Say whether a person is to see the answer."""
    return request.path.startswith(_PAGES)


def request_id_of(request: HttpRequest | Request) -> str:
    """Return the id of this request."""
    return str(request.META.get("REQUEST_ID", ""))


def note_problem_code(request: HttpRequest | Request, code: str) -> None:
    """Keep by what code a request was refused, for those who count."""
    request.META[_PROBLEM_CODE] = code


def problem_code_of(request: HttpRequest) -> str:
    """Return by what code a request was refused."""
    return str(request.META.get(_PROBLEM_CODE, ""))


def language_of(request: HttpRequest | Request) -> str:
    """Return the language that a buyer reads, of those that we write."""
    plain = request._request if isinstance(request, Request) else request  # noqa: SLF001
    if "HTTP_ACCEPT_LANGUAGE" not in plain.META:
        return str(settings.LANGUAGE_CODE)
    return translation.get_language_from_request(plain)
