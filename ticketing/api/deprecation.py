"""Headers that announce that an operation is deprecated (RFC 9745) and when it ends (RFC 8594)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, TypeVar

from django.http import HttpRequest, HttpResponseBase
from django.utils.http import http_date

from ticketing.api.requests import Handler

# The notice that docs/versioning.md promises.
NOTICE: Final = timedelta(days=182)
# The attribute of a view's method that holds its deprecation.
_ATTRIBUTE: Final = "deprecation"
_DOCS_LINK: Final = '</docs>; rel="deprecation"; type="text/html"'

Method = TypeVar("Method", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Deprecation:
    """The day since which an operation is deprecated, and the day from which it may be removed."""

    since: date
    sunset: date

    def __post_init__(self) -> None:
        if self.sunset - self.since < NOTICE:
            raise ValueError(
                f"Give clients at least {NOTICE.days} days between `since` and `sunset`."
            )

    def headers(self) -> dict[str, str]:
        return {
            "Deprecation": f"@{_midnight(self.since)}",
            "Sunset": http_date(_midnight(self.sunset)),
            "Link": _DOCS_LINK,
        }


def mark_deprecated(method: Method, deprecation: Deprecation | None) -> Method:
    """Attach a deprecation to a view's method, for `DeprecationMiddleware`."""
    setattr(method, _ATTRIBUTE, deprecation)
    return method


class DeprecationMiddleware:
    """Add the headers to every response of a deprecated operation, also to refusals."""

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
    found: Deprecation | None = getattr(getattr(kind, name, None), _ATTRIBUTE, None)
    return found


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), tzinfo=UTC).timestamp())
