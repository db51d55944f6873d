"""How an endpoint is described: who may call it, what it takes, and every way it answers."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.utils.translation import override
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import exceptions, serializers

from ticketing.api.pagination import NumberedPages
from ticketing.api.problems import CONTENT_TYPE, status_and_words

_OVERVIEW: Final = Path(__file__).with_name("overview.md")
_ID: Final = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"

# Named as `security` names them.
ORDER_TOKEN: Final = "orderToken"  # noqa: S105 - a name
DEVICE_TOKEN: Final = "deviceToken"  # noqa: S105 - a name
API_TOKEN: Final = "apiToken"  # noqa: S105 - a name
_SESSION: Final = "session"

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    ORDER_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ord_…",
        "description": "One order's own token. `POST /orders` tells it once.",
    },
    DEVICE_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dev_…",
        "description": "A door device, bound to its events. Made in the admin.",
    },
    API_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "api_…",
        "description": "An organizer's own systems, with the scopes that it was made with in the"
        " admin. The scope that a call needs stands beside it.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A member of staff who is signed in to the admin, for the organizers that"
        " they act for. What changes something needs the header `X-CSRFToken`.",
    },
}
_HEADERS: Final[dict[str, Any]] = {
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
        "description": "Send it as `If-None-Match` to get 304 if nothing has changed.",
        "schema": {"type": "string"},
    },
}
# Carries the links through the generator, which knows none.
_LINKS: Final = "x-links"
# The components that only answers are made of.
_SHOWN: Final = ("Shown", "ForOrganizer")
_ALWAYS: Final = ("X-Request-Id", "RateLimit", "RateLimit-Policy")


class ErrorShown(serializers.Serializer[Any]):
    pointer = serializers.CharField(help_text="A JSON pointer (RFC 6901) to what is wrong.")
    detail = serializers.CharField()
    code = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """Any error (RFC 9457). Programs go by `code`; people read `detail`."""

    type = serializers.CharField(help_text="Where `code` is explained.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    request_id = serializers.CharField()
    errors = ErrorShown(many=True, required=False)  # type: ignore[assignment]  # of the document


class EnglishGenerator(SchemaGenerator):
    """What is served is what is committed, whatever the reader's language."""

    def get_schema(self, *arguments: Any, **named: Any) -> Any:
        with override("en"):
            return super().get_schema(*arguments, **named)  # type: ignore[no-untyped-call]


def operation(  # noqa: PLR0913 - what there is to say of an endpoint
    name: str,
    *,
    answers: Mapping[Any, Any],
    tokens: Sequence[str | tuple[str, str]] = (),
    anyone: bool = False,
    takes: Any = None,
    refusals: Iterable[type[Exception]] = (),
    parameters: Sequence[Any] = (),
    examples: Mapping[str, Any] | None = None,
    links: Mapping[str, Mapping[str, str]] | None = None,
) -> Callable[[Any], Any]:
    """
    Describe an endpoint.

    `tokens` are the kinds that it takes, with the scope that an API token needs. `refusals` are the
    ways in which its verbs say no: what every endpoint can answer is added here. `links` name the
    operations that can follow, and what of this one's answer each needs.
    """
    said: dict[int, dict[str, str]] = defaultdict(dict)
    own = list(refusals)
    for refusal in [*_common(takes, parameters, anyone=anyone), *own]:
        status, code, title = status_and_words(refusal)
        said[status][code] = title
    telling = {status_and_words(refusal)[1] for refusal in own}
    return extend_schema(
        operation_id=name,
        request=takes,
        responses={
            **{
                (key if isinstance(key, tuple) else (key, "application/json")): shown
                for key, shown in answers.items()
            },
            **{
                (status, CONTENT_TYPE): _show_problems(status, titles, telling)
                for status, titles in sorted(said.items())
            },
        },
        parameters=list(parameters),
        auth=_security(tokens, anyone=anyone),
        extensions={_LINKS: links} if links else None,
        examples=[
            OpenApiExample(title, value=value, request_only=True)
            for title, value in (examples or {}).items()
        ],
    )


def page_of(shown: type[serializers.BaseSerializer[Any]]) -> Any:
    """Describe one page of a list."""
    return inline_serializer(
        f"{shown.__name__}Page",
        {
            "count": serializers.IntegerField(
                help_text="Of all pages; of changes, of this page and those after it."
            ),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": shown(many=True),
        },
    )


PAGE: Final = [
    OpenApiParameter("page", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1}),
    OpenApiParameter(
        "page_size",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": NumberedPages.max_page_size,
            "default": NumberedPages.page_size,
        },
    ),
]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """
    Name each path as the contract does, and the headers of each answer.

    With a slash at its end a path answers the same.
    """
    paths = {path.rstrip("/") or "/": operations for path, operations in result["paths"].items()}
    for path, operations in paths.items():
        for method, described in operations.items():
            _tell_headers(path, method, described)
            _tell_links(described)
            _tell_ids(described)
            if described.get("security") == [{}]:
                # The same, and makers of clients see that no token is ever needed.
                described["security"] = []
            # What a list of operations shows beside each path.
            described["summary"] = described["description"].splitlines()[0].replace("`", "")
    for shape in result["components"]["schemas"].values():
        _show_decimals(shape)
    components = {**result["components"], "headers": _HEADERS}
    _tell_wholeness(components["schemas"])
    components["securitySchemes"] = SECURITY_SCHEMES
    info = {**result["info"], "description": _OVERVIEW.read_text()}
    return {**result, "info": info, "paths": paths, "components": components}


def _tell_wholeness(schemas: Mapping[str, dict[str, Any]]) -> None:
    """
    Say that what is shown is shown whole: each field is there, though it may be null.

    The generator takes what a form may leave out for what an answer may leave out, and clients
    made of the document would then ask at each field whether it is there.
    """
    for name, schema in schemas.items():
        if name.endswith(_SHOWN):
            schema["required"] = sorted(schema["properties"])


def _tell_ids(described: dict[str, Any]) -> None:
    """Call an id in a path what it is, where the generator sees a pattern."""
    for parameter in described.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"].endswith("_id"):
            parameter["schema"] = {"type": "string", "format": "uuid"}


def _tell_headers(path: str, method: str, described: dict[str, Any]) -> None:
    keyed = any(each["name"] == "Idempotency-Key" for each in described.get("parameters", []))
    if method == "get" and path in {"/events", "/events/{reference}"}:
        described["responses"]["304"] = {"description": "You have what there is."}
    for status, answer in described["responses"].items():
        names = list(_ALWAYS) if "security" in described else ["X-Request-Id"]
        if status in {"429", "503"}:
            names.append("Retry-After")
        if status == "201":
            names.append("Location")
        if keyed and status < "429":
            names.append("Idempotent-Replayed")
        if "304" in described["responses"] and status in {"200", "304"}:
            names.append("ETag")
        answer["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _tell_links(described: dict[str, Any]) -> None:
    links = described.pop(_LINKS, None)
    if links:
        done = next(status for status in described["responses"] if status.startswith("2"))
        described["responses"][done]["links"] = {
            name: {
                "operationId": name,
                "parameters": {
                    parameter: f"$response.body#/{pointer}" for parameter, pointer in needs.items()
                },
            }
            for name, needs in links.items()
        }


def _common(takes: Any, parameters: Sequence[Any], *, anyone: bool) -> list[type[Exception]]:
    found: list[type[Exception]] = [
        exceptions.NotAcceptable,
        exceptions.Throttled,
        OperationalError,
        exceptions.AuthenticationFailed,
    ]
    if not anyone:
        found.append(exceptions.NotAuthenticated)
    if takes is not None:
        found += [exceptions.ParseError, exceptions.UnsupportedMediaType, RequestDataTooBig]
    if takes is not None or parameters:
        found.append(exceptions.ValidationError)
    if PAGE[0] in parameters:
        found.append(exceptions.NotFound)
    return found


def _show_decimals(shape: dict[str, Any]) -> None:
    """Give an example of each amount: made up from its pattern, it would be a negative one."""
    for described in shape.get("properties", {}).values():
        if described.get("format") == "decimal":
            described["examples"] = ["120.00"]


def _security(tokens: Sequence[str | tuple[str, str]], *, anyone: bool) -> list[Any]:
    needed: list[dict[str, list[str]]] = [{}] if anyone else []
    for token in tokens:
        kind, scope = token if isinstance(token, tuple) else (token, "")
        needed.append({kind: [scope] if scope else []})
        if kind == API_TOKEN:
            needed.append({_SESSION: []})
    return needed


def _show_problems(
    status: int, titles: Mapping[str, str], telling: Collection[str]
) -> OpenApiResponse:
    lines = [f"- `{code}`: {title}." for code, title in sorted(titles.items())]
    return OpenApiResponse(
        Problem,
        description="\n".join(lines),
        examples=[
            OpenApiExample(
                code,
                value={
                    "type": f"/problems/{code}",
                    "title": title,
                    "status": status,
                    "code": code,
                    "detail": f"{title}.",
                    "instance": "/…",
                    "request_id": _ID,
                },
                status_codes=[str(status)],
                response_only=True,
                media_type=CONTENT_TYPE,
            )
            for code, title in sorted(titles.items())
            if code in telling
        ],
    )
