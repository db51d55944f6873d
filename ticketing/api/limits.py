"""Rate limits: count each API request and sign-in attempt before any work is done for it."""

import logging
import re
from collections.abc import Callable
from functools import cache, partial
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import Throttled

from ticketing.api.authentication import read_bearer
from ticketing.api.callers import client_digest
from ticketing.api.problems import too_many_requests
from ticketing.api.requests import PUBLIC_PAGES, is_page
from ticketing.pages.kept import is_for_all
from ticketing.pages.refused import show_refused
from ticketing.pages.shop import is_shop_page
from ticketing.pages.waiting import show_wait
from ticketing.rates import AskedTurn, Policy, Rate, Turn, read_policy, take_turn

logger = logging.getLogger(__name__)

# Load balancers and Prometheus must always get a response. Static files and the document are cheap.
# A payment gateway notifies from few addresses, most of all while a crowd pays.
_UNCOUNTED: Final = ("/healthz", "/readyz", "/metrics", "/static", "/schema", "/payments")
# The fast path of these reads makes one round trip to Redis. The rate limit is counted in the same
# round trip.
_HOT_READ: Final = re.compile(r"/events(?:/[^/]+)?/?")
# Pages on which a caller can guess a password or a code, or cause a mail.
_SIGN_IN: Final = frozenset(
    {
        "/admin/login",
        "/admin/login/code",
        "/admin/password_change",
        "/admin/password_reset",
        "/admin/security/set-up",
    }
)
_BY_PATH: Final = {"/orders": "reserve", "/tickets/validate": "validate", "/find": "find"}
# The forms of the shop that reserve, and the one that tries whether another address may.
_RESERVING: Final = re.compile(r"/e/[^/]+|/o/[^/]+/(?:again|contact)")
# What each process makes once a second for all readers: a count of each request would cost more
# than the response. The views count requests for events that their process does not know, because
# each costs a query.
_LIVE: Final = re.compile(r"/e/[a-z0-9-]{1,80}/live/?")
_READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SIGN_IN_REASON = gettext_lazy("Too many attempts to sign in came from your network.")


class RateLimitMiddleware:
    """Refuse a request over its rate limit. Other responses show what is left of the limit."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = _policy_name(request)
        policy = read_policy(name, settings.RATE_LIMITS.get(name, "")) if name else None
        limits = _limits_of(request, policy) if policy else {}
        if not limits:
            return self.get_response(request)
        if request.method == "GET" and _HOT_READ.fullmatch(request.path_info):
            return self._count_along(request, name, AskedTurn(limits, along=True))
        turn = take_turn(limits)
        if turn is None:
            return self.get_response(request)
        response = self.get_response(request) if turn.granted else _refuse(request, turn)
        return _add_headers(response, name, turn)

    def _count_along(self, request: HttpRequest, name: str, asked: AskedTurn) -> HttpResponseBase:
        """Respond, and count the limit in the round trip to Redis that the view makes."""
        try:
            with connection.execute_wrapper(partial(_refuse_queries, asked)):
                response = self.get_response(request)
        finally:
            # If the view did not ask Redis, this asks now. Else the count would go along with the
            # first question of this thread's next request.
            turn = asked.read()
        if turn is None:
            return response
        return _add_headers(response if turn.granted else _refuse(request, turn), name, turn)


def count_as(name: str, request: HttpRequest) -> HttpResponse | None:
    """
    Count a request of which the middleware could not know that it is of this kind.

    Return its refusal, or None if it is not one too many.
    """
    policy = read_policy(name, settings.RATE_LIMITS.get(name, ""))
    limits = _limits_of(request, policy)
    turn = take_turn(limits) if limits else None
    return None if turn is None or turn.granted else _refuse(request, turn)


def _refuse_queries(asked: AskedTurn, execute: Callable[..., Any], *query: Any) -> Any:
    """Stop a database query if Redis has already said that the request is over its limit."""
    turn = asked.read()
    if turn is not None and not turn.granted:
        raise Throttled
    return execute(*query)


def _add_headers(response: HttpResponseBase, name: str, turn: Turn) -> HttpResponseBase:
    response.headers["RateLimit-Policy"] = f'"{name}";q={turn.rate.count};w={turn.rate.seconds}'
    response.headers["RateLimit"] = f'"{name}";r={turn.left};t={turn.seconds}'
    return response


def _policy_name(request: HttpRequest) -> str:
    path = request.path_info.rstrip("/")
    if is_page(request) and not is_shop_page(path or "/"):
        return "signin" if request.method == "POST" and path in _SIGN_IN else ""
    if path.startswith(_UNCOUNTED) or _LIVE.fullmatch(request.path_info):
        return ""
    if is_for_all(request) and PUBLIC_PAGES.fullmatch(request.path_info):
        return ""
    if request.method in _READ_METHODS:
        return "read"
    if request.method != "POST":
        return "write"
    return "reserve" if _RESERVING.fullmatch(path) else _BY_PATH.get(path, "write")


def _limits_of(request: HttpRequest, policy: Policy) -> dict[str, Rate]:
    limits = {}
    if policy.per_caller is not None:
        token = read_bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is not None:
            limits[f"{policy.name}:caller:{token.digest}"] = policy.per_caller
    if policy.per_address is not None:
        limits[f"{policy.name}:address:{client_digest(request)}"] = policy.per_address
    return limits


def _refuse(request: HttpRequest, turn: Turn) -> HttpResponse:
    if not settings.TRUSTED_PROXY_HOPS and "HTTP_X_FORWARDED_FOR" in request.META:
        _warn_of_untrusted_proxy()
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.TOO_MANY_REQUESTS, seconds=turn.seconds)
    if is_page(request):
        return show_wait(request, why=_SIGN_IN_REASON, seconds=turn.seconds)
    return too_many_requests(request, seconds=turn.seconds)


@cache
def _warn_of_untrusted_proxy() -> None:
    # Once per process, because any caller can send that header.
    logger.warning(
        "A rate limit refused a request with X-Forwarded-For, which TRUSTED_PROXY_HOPS=0 ignores."
        " Behind a proxy all callers would share one limit: set it to the number of proxies."
    )
