"""Compares each response of the API in any test with the API's document."""

import gzip
import json
import re
from functools import cache
from typing import Any, Final

import yaml
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from jsonschema_rs import Draft202012Validator

from ticketing.stack.environment import PROJECT

_URLS: Final = "config.urls"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_PARAMETER: Final = re.compile(r"\\\{\w+\\\}")
# A test that causes an internal error says what it expects. Any request may have a large body.
_LEFT_OUT: Final = {413, 500}
_send: Final = Client.request


class NotAsDocumented(AssertionError):
    """A response that the API's document does not describe."""


def check_responses() -> None:
    """Let every test client compare the responses of the API with the document."""
    Client.request = _send_and_check  # type: ignore[method-assign, assignment]


def check_response(method: str, path: str, response: HttpResponseBase) -> None:
    """
    Raise `NotAsDocumented` unless the document describes this response to a request.

    Only paths and methods of the document are compared.
    """
    place = _find(path.rstrip("/"))
    described = _document()["paths"].get(place, {}).get(method.lower())
    if described is None or response.status_code in _LEFT_OUT:
        return
    title = f"{method} {place} {response.status_code}"
    if str(response.status_code) not in described["responses"]:
        raise NotAsDocumented(f"{title} is not in the document.")
    bodies = described["responses"][str(response.status_code)].get("content", {})
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    content = response.content if isinstance(response, HttpResponse) else b""
    if response.headers.get("Content-Encoding") == "gzip":
        content = gzip.decompress(content)
    if not bodies and not content:
        return
    if media_type not in bodies:
        raise NotAsDocumented(
            f"{title} has a body of {media_type or 'no type'}, not of {[*bodies]}."
        )
    if _is_json(response):
        body = json.loads(content)
        errors = _validator(place, method.lower(), str(response.status_code), media_type)
        for error in errors.iter_errors(body):
            raise NotAsDocumented(f"{title}: {error.message} at {error.instance_path} of {body}")


def _send_and_check(client: Client, **request: Any) -> Any:
    response = _send(client, **request)
    sent = response.request
    # A page may have a form that is sent to an address of the API.
    is_form = sent.get("CONTENT_TYPE", "").startswith(_FORMS) and not _is_json(response)
    if settings.ROOT_URLCONF == _URLS and not is_form:
        check_response(sent["REQUEST_METHOD"], sent["PATH_INFO"], response)
    return response


def _is_json(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").endswith("json")


@cache
def _document() -> dict[str, Any]:
    text = (PROJECT / "docs/openapi.yaml").read_text()
    document: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return document


@cache
def _places() -> list[tuple[re.Pattern[str], str]]:
    # Those without parameters first: an id must not stand for `tickets` in `/orders/tickets`.
    paths = sorted(_document()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(_PARAMETER.sub("[^/]+", re.escape(path))), path) for path in paths]


def _find(path: str) -> str:
    return next((name for pattern, name in _places() if pattern.fullmatch(path)), "")


@cache
def _validator(place: str, method: str, status: str, media_type: str) -> Draft202012Validator:
    responses = _document()["paths"][place][method]["responses"]
    schema = responses[status]["content"][media_type]["schema"]
    return Draft202012Validator(
        {**schema, "components": _document()["components"]}, validate_formats=True
    )
