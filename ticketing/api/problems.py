"""Turn errors into problem documents (RFC 9457)."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from rest_framework import exceptions
from rest_framework.request import Request

from ticketing.api.queries import InvalidQuery
from ticketing.api.requests import note_problem_code, request_id_of
from ticketing.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Refusal,
    Stale,
    TooMany,
    Unauthenticated,
    Unavailable,
    Unreadable,
)

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
# A client with more errors than this does not need them all to find its mistake.
_MOST_ERRORS = 50

STATUS_BY_KIND: dict[type[Refusal], int] = {
    Invalid: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Stale: 412,
    Unreadable: 422,
    TooMany: 429,
    Unavailable: 503,
}

# Errors of Django and Django REST framework: status, code and title.
FRAMEWORK: dict[type[Exception], tuple[int, str, str]] = {
    exceptions.ParseError: (400, "malformed_json", "The body is not valid JSON"),
    exceptions.NotAuthenticated: (401, "not_authenticated", "Say who you are"),
    exceptions.AuthenticationFailed: (401, "invalid_token", "We do not know this token"),
    exceptions.PermissionDenied: (403, "permission_denied", "You may not do this"),
    PermissionDenied: (403, "permission_denied", "You may not do this"),
    exceptions.NotFound: (404, "not_found", "There is nothing here"),
    Http404: (404, "not_found", "There is nothing here"),
    exceptions.MethodNotAllowed: (
        405,
        "method_not_allowed",
        "This path does not support that method",
    ),
    exceptions.NotAcceptable: (406, "not_acceptable", "No accepted media type is available"),
    exceptions.UnsupportedMediaType: (415, "unsupported_media_type", "The body must be JSON"),
    exceptions.Throttled: (429, "too_many_requests", "Too many requests"),
    RequestDataTooBig: (413, "request_too_large", "The body is too large"),
    OperationalError: (503, "service_unavailable", "The database does not answer"),
    InterfaceError: (503, "service_unavailable", "The database does not answer"),
}
_INVALID = (400, "invalid_request", "The request is not valid")
BUG = (500, "internal_error", "Something went wrong on our side")

# The parts of a request that an entry of `errors` can be about.
PLACES = ("body", "header", "query")

# Every code that the API can return and that is not declared by a refusal of a verb.
FRAMEWORK_CODES = frozenset(
    [code for _, code, _ in FRAMEWORK.values()] + [_INVALID[1], BUG[1], "bad_request"]
)


def status_and_words(kind: type[Exception]) -> tuple[int, str, str]:
    """Return the status, the code and the title of the problem for a kind of error."""
    if issubclass(kind, Invalid | exceptions.ValidationError):
        return _INVALID
    if issubclass(kind, Refusal):
        status = next(STATUS_BY_KIND[base] for base in STATUS_BY_KIND if issubclass(kind, base))
        return status, kind.code, kind.title
    return next(words for known, words in FRAMEWORK.items() if issubclass(kind, known))


def answer_problem(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """
    Return the response to an error of a view, or None for an internal error, which Django handles.

    The response is always JSON, also if the view has another renderer.
    """
    found = problem_of(error, context["request"])
    if found is None:
        return None
    problem, headers = found
    return JsonResponse(
        problem, status=problem["status"], headers=headers, content_type=CONTENT_TYPE
    )


def problem_of(
    error: Exception, request: HttpRequest | Request
) -> tuple[dict[str, Any], dict[str, str]] | None:
    """Return the problem document of an error and its headers, or None for an internal error."""
    headers: dict[str, str] = {}
    if isinstance(error, Invalid):
        errors = [_entry(error.pointer, error.place, str(error), error.code)]
        problem = describe(request, *_INVALID, _summarize(errors), {"errors": errors})
    elif isinstance(error, Refusal):
        kind = next(kind for kind in STATUS_BY_KIND if isinstance(error, kind))
        problem = describe(
            request, STATUS_BY_KIND[kind], error.code, error.title, str(error), error.details
        )
        if error.retry_after is not None:
            headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, exceptions.ValidationError):
        errors = list(list_errors(error))
        details = {"errors": errors[:_MOST_ERRORS]}
        problem = describe(request, *_INVALID, _summarize(errors), details)
    else:
        known = next((kind for kind in FRAMEWORK if isinstance(error, kind)), None)
        if known is None:
            return None
        status, code, title = FRAMEWORK[known]
        problem = describe(request, status, code, title, _sentence(error, title))
        headers = _headers(error, status)
        if known in (OperationalError, InterfaceError):
            logger.error("The database does not answer.", exc_info=error)
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if problem["status"] == STATUS_BY_KIND[Unauthenticated]:
        headers["WWW-Authenticate"] = "Bearer"
    return problem, headers


def describe(  # noqa: PLR0913, PLR0917 - the members of a problem document
    request: HttpRequest | Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a problem document, and note its code for the access log and the metrics."""
    note_problem_code(request, code)
    return {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.path,
        "request_id": request_id_of(request),
        **(details or {}),
    }


def too_many_requests(request: HttpRequest, *, seconds: int) -> HttpResponse:
    """Return the response to a program over its rate limit."""
    wait = "1 second" if seconds == 1 else f"{seconds} seconds"
    detail = f"You are over the rate limit. Retry in {wait}."
    response = answer_plain(request, *FRAMEWORK[exceptions.Throttled], detail)
    response.headers["Retry-After"] = str(seconds)
    return response


def method_not_allowed(request: HttpRequest, *allowed: str) -> HttpResponseBase:
    """Return the response to a method that a path does not support."""
    words = FRAMEWORK[exceptions.MethodNotAllowed]
    response = answer_plain(request, *words, f"Use {' or '.join(allowed)}.")
    response.headers["Allow"] = ", ".join(allowed)
    return response


def not_acceptable(request: HttpRequest) -> HttpResponseBase:
    """Return the response to a caller that accepts no media type of a path."""
    words = FRAMEWORK[exceptions.NotAcceptable]
    return answer_plain(
        request, *words, "Accept a media type that the API's document names for this path."
    )


def answer_plain(
    request: HttpRequest, status: int, code: str, title: str, detail: str
) -> JsonResponse:
    """Return a problem document as the response to a request outside the views."""
    problem = describe(request, status, code, title, detail)
    return JsonResponse(problem, status=status, content_type=CONTENT_TYPE)


def _sentence(error: Exception, title: str) -> str:
    # A database error may contain a query or an address, which only the log may show.
    return str(error.detail) if isinstance(error, exceptions.APIException) else f"{title}."


def _headers(error: Exception, status: int) -> dict[str, str]:
    wait = getattr(error, "wait", None)
    return {"Retry-After": str(int(wait) + 1)} if status == 429 and wait else {}  # noqa: PLR2004


def _summarize(errors: list[dict[str, str]]) -> str:
    first = f"{errors[0]['pointer']}: {errors[0]['detail']}"
    return first if len(errors) == 1 else f"{first} And {len(errors) - 1} more."


def list_errors(error: exceptions.ValidationError) -> Iterator[dict[str, str]]:
    """Yield each error of a request that is not valid, with its place as a JSON pointer."""
    details: Any = error.get_full_details()
    if not isinstance(error, InvalidQuery):
        yield from _flatten(details, "#")
        return
    for name, inner in details.items():
        for found in _flatten(inner, ""):
            yield _entry(f"?{name}", "query", found["detail"], found["code"])


def _entry(pointer: str, place: str, detail: str, code: str) -> dict[str, str]:
    return {"pointer": pointer, "in": place, "detail": detail, "code": code}


def _flatten(details: Any, pointer: str) -> Iterator[dict[str, str]]:
    """Yield each of DRF's nested errors with the JSON pointer of its place in the body."""
    if isinstance(details, dict) and {"message", "code"} == details.keys():
        yield _entry(pointer, "body", str(details["message"]), details["code"])
    elif isinstance(details, dict):
        for name, inner in details.items():
            here = pointer if name == "non_field_errors" else f"{pointer}/{_escape(str(name))}"
            yield from _flatten(inner, here)
    elif isinstance(details, list):
        leaves = all(isinstance(inner, dict) and "message" in inner for inner in details)
        for place, inner in enumerate(details):
            yield from _flatten(inner, pointer if leaves else f"{pointer}/{place}")


def _escape(name: str) -> str:
    # RFC 6901.
    return name.replace("~", "~0").replace("/", "~1")
