"""
The fast path of the endpoints that every buyer and every door calls at once.

A view class of a hot endpoint has the static method `quick_get` or `quick_post`. It handles the
usual request without Django REST framework. Everything else goes to the full path, the view: it
reads every valid request, and it alone describes bad input. Both paths call the same verb.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.exceptions import Throttled
from rest_framework.views import APIView

from ticketing.api.problems import CONTENT_TYPE, problem_of
from ticketing.api.requests import use_api_language
from ticketing.errors import Refusal

# More than any usual request needs. The full path accepts longer bodies.
_LONGEST_BODY = 16 * 1024
_JSON = frozenset({"application/json", "application/json; charset=utf-8"})
_METHODS = {"GET": "quick_get", "POST": "quick_post"}

View = Callable[..., HttpResponseBase]
Shape = TypeVar("Shape")


def quickly(view_class: type[APIView], *, reads_query: bool = False) -> View:
    """
    Return the function of a view class that tries its quick methods first.

    With `reads_query` the quick methods read the query string themselves. Without it a request
    with a query string goes to the full path.

    A quick method returns a response, raises a refusal, or returns None to pass the request on to
    the full path. It may return None only if it has changed nothing.
    """
    view = view_class.as_view()
    quick_methods = {
        method: getattr(view_class, name)
        for method, name in _METHODS.items()
        if hasattr(view_class, name)
    }

    @wraps(view)
    def respond(request: HttpRequest, **path_parameters: Any) -> HttpResponseBase:
        quick_method = quick_methods.get(request.method or "")
        if quick_method is not None and _is_usual(request, reads_query=reads_query):
            try:
                response: HttpResponse | None = quick_method(request, **path_parameters)
            except (Refusal, Throttled, OperationalError, InterfaceError) as error:
                return _problem_response(error, request)
            if response is not None:
                return response
        use_api_language(request)
        return view(request, **path_parameters)

    respond.csrf_exempt = True  # type: ignore[attr-defined]
    # A response of a quick method has no translated text, so its language need not be set.
    respond.needs_no_language = True  # type: ignore[attr-defined]
    return respond


def read_body(request: HttpRequest, kind: type[Shape]) -> Shape | None:
    """Return the body parsed as `kind`, or None if it does not fit."""
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
    """Return a response with `content` as JSON."""
    body = msgspec.json.encode(content)
    return HttpResponse(body, status=status, headers=headers, content_type=content_type)


def _problem_response(error: Exception, request: HttpRequest) -> HttpResponse:
    found = problem_of(error, request)
    if found is None:
        raise error
    problem, headers = found
    return answer_json(
        problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE
    )


def _is_usual(request: HttpRequest, *, reads_query: bool) -> bool:
    meta = request.META
    if meta.get("HTTP_COOKIE") or (meta.get("QUERY_STRING") and not reads_query):
        return False
    accepted = meta.get("HTTP_ACCEPT", "*/*")
    if "*/*" not in accepted and "application/json" not in accepted:
        return False
    length = meta.get("CONTENT_LENGTH") or "0"
    if length == "0":
        return True
    return (
        meta.get("CONTENT_TYPE", "").lower() in _JSON
        and length.isdecimal()
        and int(length) <= _LONGEST_BODY
    )
