"""Request ids, the direct way of API requests to their views, and the language of responses."""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.locale import LocaleMiddleware
from django.template.response import SimpleTemplateResponse
from django.urls import resolve
from django.utils import timezone, translation
from rest_framework.request import Request
from structlog.contextvars import bind_contextvars, reset_contextvars

from ticketing.api.callers import client_address
from ticketing.ids import new_id
from ticketing.origin import Origin, coming_from
from ticketing.pages.kept import is_for_all
from ticketing.pages.shop import is_shop_page, language_for

HEADER = "X-Request-Id"
_SENT_HEADER = "HTTP_X_REQUEST_ID"
_PROBLEM_CODE = "PROBLEM_CODE"
# A `Content-Length` of these would be that of the body that is not sent (RFC 9110, 8.6).
_WITHOUT_BODY = (204, 304)
_ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Pages for people, besides those of the shop. Everything else is the API.
_ADMIN = "/admin"
_PAGES = (_ADMIN, "/mailbox", "/i18n")
# The paths of the API that skip the middleware for pages.
_API = (
    "/events",
    "/orders",
    "/payments",
    "/tickets",
    "/webhooks",
    "/devices",
    "/healthz",
    "/readyz",
    "/metrics",
    "/schema",
)
# Those that everybody reads, by their exact addresses: the rate limit counts all others.
PUBLIC_PAGES = re.compile(r"/|/e/[a-z0-9-]{1,80}(?:/live|/)?")
API_LANGUAGE = "en"

Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestIdMiddleware:
    """Use the caller's request id or make one. Every log line and the response carry it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.META.get(_SENT_HEADER, "")
        request_id = sent if _ACCEPTABLE_ID.fullmatch(sent) else str(new_id())
        request.META["REQUEST_ID"] = request_id
        bound = bind_contextvars(request_id=request_id)
        try:
            with coming_from(Origin(_channel(request), partial(client_address, request))):
                response = self.get_response(request)
        finally:
            # The thread is reused for another request.
            reset_contextvars(**bound)
        response.headers[HEADER] = request_id
        if (
            isinstance(response, HttpResponse)
            and response.status_code not in _WITHOUT_BODY
            and "Content-Length" not in response.headers
        ):
            # Without it servers send the body in chunks, which costs every client more.
            response.headers["Content-Length"] = str(len(response.content))
        return response


def _channel(request: HttpRequest) -> str:
    if request.path_info.startswith(_ADMIN):
        return "admin"
    return "shop" if is_shop_page(request.path_info) else "api"


class ApiMiddleware:
    """
    Call the view of an API request without a cookie directly.

    The middleware after this one is for sessions, forms and messages, which only pages have.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.META.get("HTTP_COOKIE") or not request.path_info.startswith(_API):
            return self.get_response(request)
        match = request.resolver_match = _resolve(request.path_info)
        if not getattr(match.func, "needs_no_language", False):
            use_api_language(request)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response.render() if isinstance(response, SimpleTemplateResponse) else response


class PublicPageMiddleware:
    """
    Call the view of a page that everybody reads directly.

    Of the middleware after this one, reading such a page needs its language, its time zone, its
    form's token and the header against frames. It needs no session, no user and no message.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.csrf = CsrfViewMiddleware(get_response)
        self.zone = ZoneInfo(settings.PAGES_TIME_ZONE)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not (is_for_all(request) and PUBLIC_PAGES.fullmatch(request.path_info)):
            return self.get_response(request)
        match = request.resolver_match = _resolve(request.path_info)
        language = request.LANGUAGE_CODE = language_for(request)
        translation.activate(language)
        timezone.activate(self.zone)
        self.csrf.process_request(request)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        response.headers["Content-Language"] = language
        response.headers["X-Frame-Options"] = "DENY"
        return self.csrf.process_response(request, response)


# The same few paths are requested most of the time.
_resolve = lru_cache(maxsize=4096)(resolve)


class PagesLocaleMiddleware(LocaleMiddleware):
    """Show pages in the reader's language and local time. API responses are English and in UTC."""

    def process_request(self, request: HttpRequest) -> None:
        if is_page(request):
            super().process_request(request)
            if is_shop_page(request.path):
                translation.activate(language_for(request))
            timezone.activate(ZoneInfo(settings.PAGES_TIME_ZONE))
        else:
            use_api_language(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        return super().process_response(request, response) if is_page(request) else response


def use_api_language(request: HttpRequest) -> None:
    """Switch this thread to English and UTC. Its previous request may have been a page."""
    translation.activate(API_LANGUAGE)
    request.LANGUAGE_CODE = API_LANGUAGE
    timezone.deactivate()


def is_page(request: HttpRequest) -> bool:
    """Say whether the response is a page for people."""
    return request.path.startswith(_PAGES) or is_shop_page(request.path)


def request_id_of(request: HttpRequest | Request) -> str:
    """Return the id of this request."""
    return str(request.META.get("REQUEST_ID", ""))


def note_problem_code(request: HttpRequest | Request, code: str) -> None:
    """Store the problem code of a refused request, for the log and the metrics."""
    request.META[_PROBLEM_CODE] = code


def problem_code_of(request: HttpRequest) -> str:
    """Return the problem code of a refused request, or an empty text."""
    return str(request.META.get(_PROBLEM_CODE, ""))


def language_of(request: HttpRequest | Request) -> str:
    """Return the buyer's language, out of those that our mails have."""
    plain = request._request if isinstance(request, Request) else request  # noqa: SLF001
    if "HTTP_ACCEPT_LANGUAGE" not in plain.META:
        return str(settings.LANGUAGE_CODE)
    return translation.get_language_from_request(plain)
