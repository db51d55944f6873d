"""Every request of the API, and each attempt to sign in, counted before anything is done for it."""

import logging
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import Throttled

from ticketing.api.authentication import read_bearer
from ticketing.api.callers import client_digest
from ticketing.api.problems import too_many_requests
from ticketing.api.requests import is_page
from ticketing.pages.waiting import show_wait
from ticketing.rates import AskedTurn, Policy, Rate, Turn, read_policy, take_turn

logger = logging.getLogger(__name__)

# Load balancers and Prometheus must always be answered; files cost nothing, as does the document.
_UNCOUNTED: Final = ("/healthz", "/readyz", "/metrics", "/static", "/schema")
# What `quickly` answers by one question to Redis, if nothing has changed since the last time. The
# limits go with it, in the same round trip.
_QUICK_LOOK: Final = re.compile(r"/events(?:/[^/]+)?/?")
_SIGN_IN: Final = "/admin/login"
_BY_PATH: Final = {"/orders": "reserve", "/tickets/validate": "validate"}
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WHY = gettext_lazy("Too many attempts to sign in came from your network.")


class RateLimitMiddleware:
    """Refuse who asks too often, and tell everybody else how much is left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = _policy_name(request)
        policy = read_policy(name, settings.RATE_LIMITS.get(name, "")) if name else None
        limits = _limits_of(request, policy) if policy else {}
        if not limits:
            return self.get_response(request)
        if request.method == "GET" and _QUICK_LOOK.fullmatch(request.path_info):
            return self._look(request, name, AskedTurn(limits, along=True))
        turn = take_turn(limits)
        if turn is None:
            return self.get_response(request)
        response = self.get_response(request) if turn.granted else _refuse(request, turn)
        return _tell(response, name, turn)

    def _look(self, request: HttpRequest, name: str, asked: AskedTurn) -> HttpResponseBase:
        try:
            with connection.execute_wrapper(partial(_refuse_queries, asked)):
                response = self.get_response(request)
        finally:
            # Also if nothing asked Redis: this thread's next request is somebody else's.
            turn = asked.read()
        if turn is None:
            return response
        return _tell(response if turn.granted else _refuse(request, turn), name, turn)


def _refuse_queries(asked: AskedTurn, execute: Callable[..., Any], *query: Any) -> Any:
    """Let the database work for those only whose turn it is."""
    turn = asked.read()
    if turn is not None and not turn.granted:
        raise Throttled
    return execute(*query)


def _tell(response: HttpResponseBase, name: str, turn: Turn) -> HttpResponseBase:
    response.headers["RateLimit-Policy"] = f'"{name}";q={turn.rate.count};w={turn.rate.seconds}'
    response.headers["RateLimit"] = f'"{name}";r={turn.left};t={turn.seconds}'
    return response


def _policy_name(request: HttpRequest) -> str:
    path = request.path_info.rstrip("/")
    if is_page(request):
        return "signin" if request.method == "POST" and path == _SIGN_IN else ""
    if path.startswith(_UNCOUNTED):
        return ""
    if request.method in _READING:
        return "read"
    return _BY_PATH.get(path, "write") if request.method == "POST" else "write"


def _limits_of(request: HttpRequest, policy: Policy) -> dict[str, Rate]:
    limits = {}
    if policy.per_caller is not None:
        token = read_bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if token is not None:
            limits[f"{policy.name}:caller:{token.digest}"] = policy.per_caller
    if policy.per_address is not None:
        limits[f"{policy.name}:address:{client_digest(request)}"] = policy.per_address
    return limits


def _refuse(request: HttpRequest, turn: Turn) -> HttpResponseBase:
    if not settings.TRUSTED_PROXY_HOPS and "HTTP_X_FORWARDED_FOR" in request.META:
        _suspect_a_proxy()
    if is_page(request):
        return show_wait(request, why=_WHY, seconds=turn.seconds)
    return too_many_requests(request, seconds=turn.seconds)


@cache
def _suspect_a_proxy() -> None:
    # Once a process: anybody may send that header.
    logger.warning(
        "Refused somebody who sent X-Forwarded-For, which TRUSTED_PROXY_HOPS=0 ignores. If a proxy"
        " stands before us, all its callers count as one: say how many there are."
    )
