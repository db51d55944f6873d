"""Limits for what a request sends: the size and depth of its body, and the text of its headers."""

import codecs
import json
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import IO, Any, Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponseBase
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from ticketing.api.failures import request_too_large
from ticketing.api.requests import Handler

_DEEPEST: Final = 32
# Headers whose parameters Django or Django REST framework reads.
_WITH_PARAMETERS: Final = ("CONTENT_TYPE", "HTTP_ACCEPT")
_HTTP_2: Final = "HTTP/2"
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class BodyLimitMiddleware:
    """
    Refuse a body over the limit by its `Content-Length`, on every path, before any of it is read.

    Views and parsers read a body into memory, and Django's own form parser writes files to disk.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH")
        # If the length is not a number, Django reads no body.
        if length and length.isdecimal() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            most = _most_bytes(request.path_info)
            if int(length) > most:
                return request_too_large(request, most=most)
        return self.get_response(request)


def _most_bytes(path: str) -> int:
    """Return the limit of a path: a few pages of the admin take files."""
    larger = (most for page, most in settings.LARGER_BODIES.items() if re.fullmatch(page, path))
    return next(larger, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


class BoundedJSONParser(JSONParser):
    """Parse JSON in UTF-8 of limited size and depth. NaN and infinities are refused."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        try:
            text = codecs.decode(body, "utf-8-sig")
            value = json.loads(text, parse_constant=_refuse_constant)
            if text.count("[") + text.count("{") > _DEEPEST:
                _check_depth(value)
            if _SURROGATE.search(text):
                # Half a surrogate pair has no UTF-8: it can be neither stored nor returned.
                json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            # Also for a number with too many digits, and for too deep nesting.
            raise ParseError(f"The body is not valid JSON: {_brief(error)}.") from error
        return value


class RequestInUtf8(WSGIRequest):
    """
    A request whose text is always UTF-8. The charset of its `Content-Type` is ignored.

    Django would decode the query string by that charset. Some of Python's codecs fail there before
    any middleware runs, and others turn plain letters into half a surrogate pair.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        header = meta.get("CONTENT_TYPE", "")
        self.content_type, self.content_params = parse_header_parameters(header)


def with_readable_headers(handler: WSGIHandler) -> Callable[..., Any]:
    """
    Drop a header whose parameters cannot be decoded (RFC 2231), and read all text as UTF-8.

    Django decodes the `Content-Type` outside all middleware, where an error becomes a bare 500.
    """
    handler.request_class = RequestInUtf8

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        for name in _WITH_PARAMETERS:
            # Checked first because it is fast: only an encoded parameter contains a quote.
            if "'" in environ.get(name, "") and not _can_be_decoded(environ[name]):
                del environ[name]
        return handler(environ, start_response)

    return call


def with_whole_bodies(application: Callable[..., Any]) -> Callable[..., Any]:
    """
    Read a body without a `Content-Length`, which Django would take for empty, and set its length.

    A body in chunks has no length, and one in HTTP/2 may have none. At most one byte over the limit
    is read; `BodyLimitMiddleware` then refuses the request.
    """

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if not environ.get("CONTENT_LENGTH") and (
            "HTTP_TRANSFER_ENCODING" in environ or environ.get("SERVER_PROTOCOL") == _HTTP_2
        ):
            body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return call


def _can_be_decoded(header: str) -> bool:
    try:
        for entry in header.split(","):
            parse_header_parameters(entry)
        parse_header_parameters(header)
    except (ValueError, LookupError):
        return False
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise RecursionError


def _brief(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeEncodeError):
        return "it has half a surrogate pair"
    return str(error).rstrip(".")[:200]
