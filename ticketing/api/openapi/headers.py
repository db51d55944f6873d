"""The headers of responses in the document."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

HEADERS: Final[dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The id of this request. It is yours if you sent one.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "The requests left (`r`), and the seconds until all are back (`t`).",
        "schema": {"type": "string", "examples": ['"read";r=99;t=1']},
    },
    "RateLimit-Policy": {
        "description": "The limit: the number of requests (`q`) in a number of seconds (`w`).",
        "schema": {"type": "string", "examples": ['"read";q=600;w=60']},
    },
    "Retry-After": {
        "description": "The seconds to wait before a retry.",
        "schema": {"type": "string", "pattern": r"^\d+$"},
    },
    "Location": {"description": "The path of the new resource.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "`true` if this is the stored response of the first request with the key.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Send it as `If-None-Match` to get 304 if nothing has changed, and as"
        " `If-Match` to refuse your change if this copy is no longer current.",
        "schema": {"type": "string"},
    },
}
# These are in the document only if an operation is deprecated.
_DEPRECATED: Final[dict[str, Any]] = {
    "Deprecation": {
        "description": "Since when the operation is deprecated, in seconds since 1970 (RFC 9745).",
        "schema": {"type": "string", "pattern": r"^@\d+$"},
    },
    "Sunset": {
        "description": "The time from which the operation may be removed (RFC 8594).",
        "schema": {"type": "string", "examples": ["Sat, 10 Jul 2027 00:00:00 GMT"]},
    },
}
_RATE_LIMITS: Final = ("RateLimit", "RateLimit-Policy")
_CONDITIONAL: Final = frozenset({"/events", "/events/{reference}", "/tickets/{ticket_id}"})


def name_headers(path: str, method: str, described: dict[str, Any]) -> None:
    """Add references to the headers of each response of an operation."""
    responses = described["responses"]
    sent = {each["name"] for each in described.get("parameters", [])}
    if method == "get" and path in _CONDITIONAL:
        responses["304"] = {"description": "Nothing has changed since the `ETag` that you sent."}
    # An operation that can be refused with 429 has a rate limit.
    always = ["X-Request-Id", *(_RATE_LIMITS if "429" in responses else ())]
    if described.get("deprecated"):
        always += _DEPRECATED
    for status, response in responses.items():
        names = list(always)
        if status in {"429", "503"}:
            names.append("Retry-After")
        if status == "201":
            names.append("Location")
        if "Idempotency-Key" in sent and status < "429":
            names.append("Idempotent-Replayed")
        if ("304" in responses or "If-Match" in sent) and status in {"200", "304"}:
            names.append("ETag")
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def describe_headers(operations: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the components of all headers that these operations refer to."""
    deprecated = any(described.get("deprecated") for described in operations)
    return {**HEADERS, **(_DEPRECATED if deprecated else {})}
