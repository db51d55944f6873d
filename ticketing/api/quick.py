"""
The short way to an answer, for the endpoints that everybody calls at once.

What most requests look like is answered without the framework's machinery. Whatever is unusual
about a request, from a cookie to a field that does not fit, its own view looks at it and says so:
only there is bad input described.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.exceptions import Throttled

from ticketing.api.problems import CONTENT_TYPE, problem_of
from ticketing.api.requests import speak_as_api
from ticketing.errors import Refusal

# More than any usual request has; the view itself allows for more.
_LONGEST_BODY = 16 * 1024
_JSON = frozenset({"application/json", "application/json; charset=utf-8"})

View = Callable[..., HttpResponseBase]
Shortcut = Callable[..., HttpResponse | None]
Shape = TypeVar("Shape")


def quickly(view: View, *, reads_query: bool = False, **shortcuts: Shortcut) -> View:
    """
    Return `view` with a shortcut for some methods, such as `POST=reserve_quickly`.

    With `reads_query` its shortcuts look at the query themselves; others get no request with one.

    A shortcut answers, refuses, or returns None to leave the request to the view. It may do that
    only as long as it has changed nothing.
    """

    @wraps(view)
    def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
        shortcut = shortcuts.get(request.method or "")
        if shortcut is not None and _is_usual(request, reads_query=reads_query):
            try:
                answered = shortcut(request, **named)
            except (Refusal, Throttled, OperationalError, InterfaceError) as error:
                return _answer_error(error, request)
            if answered is not None:
                return answered
        speak_as_api(request)
        return view(request, **named)

    answer.csrf_exempt = True  # type: ignore[attr-defined]
    # A shortcut says nothing that has a translation.
    answer.speaks_for_itself = True  # type: ignore[attr-defined]
    return answer


def read_body(request: HttpRequest, kind: type[Shape]) -> Shape | None:
    """Return the body if it has the shape of `kind`."""
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.MsgspecError, ValidationError, ValueError):
        return None


def answer_json(
    content: Any,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> HttpResponse:
    """Answer with `content` as JSON."""
    body = msgspec.json.encode(content)
    return HttpResponse(body, status=status, headers=headers, content_type=content_type)


def _answer_error(error: Exception, request: HttpRequest) -> HttpResponse:
    told = problem_of(error, request)
    if told is None:
        raise error
    problem, headers = told
    return answer_json(
        problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE
    )


def _is_usual(request: HttpRequest, *, reads_query: bool) -> bool:
    told = request.META
    if told.get("HTTP_COOKIE") or (told.get("QUERY_STRING") and not reads_query):
        return False
    accepted = told.get("HTTP_ACCEPT", "*/*")
    if "*/*" not in accepted and "application/json" not in accepted:
        return False
    length = told.get("CONTENT_LENGTH") or "0"
    if length == "0":
        return True
    return (
        told.get("CONTENT_TYPE", "").lower() in _JSON
        and length.isdecimal()
        and int(length) <= _LONGEST_BODY
    )
