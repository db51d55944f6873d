"""The headers of requests and responses."""

from typing import Any, Final

HEADERS: Final[dict[str, Any]] = {
    "X-Request-Id": {
        "description": "The id of this request, yours if you sent one.",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "What is left of the limit, and in how many seconds it is whole again.",
        "schema": {"type": "string", "examples": ['"read";r=99;t=1']},
    },
    "RateLimit-Policy": {
        "description": "The limit: so many requests (`q`) in so many seconds (`w`).",
        "schema": {"type": "string", "examples": ['"read";q=600;w=60']},
    },
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "schema": {"type": "string", "pattern": r"^\d+$"},
    },
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "`true` if this is what was answered to the first request of the key.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Send it as `If-None-Match` to get 304 if nothing has changed, and as"
        " `If-Match` to change this copy and no newer one.",
        "schema": {"type": "string"},
    },
}
_RATE_LIMITS: Final = ("RateLimit", "RateLimit-Policy")
_CONDITIONAL: Final = frozenset({"/events", "/events/{reference}", "/tickets/{ticket_id}"})


def tell_headers(path: str, method: str, described: dict[str, Any]) -> None:
    """Name the headers of each response of an operation."""
    responses = described["responses"]
    sent = {each["name"] for each in described.get("parameters", [])}
    if method == "get" and path in _CONDITIONAL:
        responses["304"] = {"description": "Nothing has changed since the `ETag` that you sent."}
    # What is counted can be refused with 429.
    always = ["X-Request-Id", *(_RATE_LIMITS if "429" in responses else ())]
    for status, answer in responses.items():
        names = list(always)
        if status in {"429", "503"}:
            names.append("Retry-After")
        if status == "201":
            names.append("Location")
        if "Idempotency-Key" in sent and status < "429":
            names.append("Idempotent-Replayed")
        if ("304" in responses or "If-Match" in sent) and status in {"200", "304"}:
            names.append("ETag")
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
