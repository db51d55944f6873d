"""The middleware that counts each request, and logs it if the settings say so."""

import logging
import re
from functools import cache
from time import perf_counter

from django.http import HttpRequest, HttpResponseBase

from ticketing.api.requests import Handler, problem_code_of
from ticketing.telemetry.metrics import count_request

logger = logging.getLogger(__name__)

_NO_ROUTE = "none"
_PLACE = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)|<(?:\w+:)?(\w+)>")


class MeasuringMiddleware:
    """Counts and logs each request by its route, so that no id of a path is recorded."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = perf_counter()
        response = self.get_response(request)
        seconds = perf_counter() - began
        method = request.method or ""
        match = request.resolver_match
        route = spell_route(match.route) if match else _NO_ROUTE
        code = problem_code_of(request) if response.status_code >= 400 else ""  # noqa: PLR2004
        count_request(
            method=method, route=route, status=response.status_code, code=code, seconds=seconds
        )
        if logger.isEnabledFor(logging.INFO):
            logger.info(
                "request",
                extra={
                    "method": method,
                    "route": route,
                    "status": response.status_code,
                    "code": code,
                    "ms": round(seconds * 1000, 1),
                },
            )
        return response


@cache
def spell_route(route: str) -> str:
    """Return a route of Django in the form `/orders/{order_id}/payment`."""
    plain = _PLACE.sub(lambda found: f"{{{found[1] or found[2]}}}", route)
    plain = plain.replace("^", "").replace("\\Z", "").removesuffix("$").removesuffix("/?")
    return "/" + plain.replace("\\", "").lstrip("/")
