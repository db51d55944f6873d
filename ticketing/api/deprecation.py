"""Telling clients that an operation will go away (RFC 9745), and from when on (RFC 8594)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.utils.http import http_date

from ticketing.api.requests import Handler

# docs/versioning.md promises it.
NOTICE: Final = timedelta(days=182)
# Where a view's method carries it.
_DEPRECATION: Final = "deprecation"
_MORE: Final = '</docs>; rel="deprecation"; type="text/html"'

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Since when an operation is deprecated, and from when on it may be gone, at midnight UTC."""

    since: date
    sunset: date

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(f"Clients have {NOTICE.days} days to follow, at least.")

    def headers(self) -> dict[str, str]:
        return {
            "Deprecation": f"@{_midnight(self.since)}",
            "Sunset": http_date(_midnight(self.sunset)),
            "Link": _MORE,
        }


def mark_deprecated(method: Method, deprecation: Deprecation | None) -> Method:
    """Let a view's method carry its deprecation."""
    setattr(method, _DEPRECATION, deprecation)
    return method


class DeprecationMiddleware:
    """Send the headers with every answer of a deprecated operation, refusals too."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        if match is not None:
            deprecation = _deprecation_of(match.func, request.method or "")
            if deprecation is not None:
                for name, value in deprecation.headers().items():
                    response.headers[name] = value
        return response


@lru_cache(maxsize=1024)
def _deprecation_of(view: Any, method: str) -> Deprecation | None:
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    name = "get" if method == "HEAD" else method.lower()
    found: Deprecation | None = getattr(getattr(kind, name, None), _DEPRECATION, None)
    return found


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
