"""Describe an endpoint for the document: its callers, its request and all its responses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import cleandoc, isclass
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import exceptions, serializers

from ticketing.api.deprecation import Deprecation, mark_deprecated
from ticketing.api.openapi.links import LINKS
from ticketing.api.openapi.parameters import PAGE, PAGE_SIZE
from ticketing.api.openapi.problems import CODES, Problem, codes_of, show_problems
from ticketing.api.openapi.security import API_TOKEN, DEVICE_TOKEN, ORDER_TOKEN, security_of
from ticketing.api.queries import takes_parameters

# Every endpoint refuses unknown media types and unknown query parameters.
_ALWAYS: Final = (exceptions.NotAcceptable, exceptions.ValidationError)
# Everything that a view needs to describe its operations.
__all__ = [
    "API_TOKEN",
    "DEVICE_TOKEN",
    "ORDER_TOKEN",
    "PAGE",
    "PAGE_SIZE",
    "Problem",
    "operation",
    "page_of",
]


def operation(  # noqa: PLR0913 - the parts of a description
    name: str,
    *,
    answers: Mapping[Any, Any],
    tokens: Sequence[str | tuple[str, str]] = (),
    anyone: bool = False,
    takes: Any = None,
    refusals: Iterable[type[Exception]] = (),
    problems: Mapping[type[Exception], type[Problem]] | None = None,
    parameters: Sequence[Any] = (),
    examples: Mapping[str, Any] | None = None,
    links: Mapping[str, Mapping[str, str]] | None = None,
    probe: bool = False,
    deprecation: Deprecation | None = None,
) -> Callable[[Any], Any]:
    """
    Describe an endpoint. This decorates a method of a view.

    `tokens` are the kinds of tokens that it accepts, with the scope that an API token needs.
    `refusals` are those of its verbs; the refusals of every endpoint are added here. `problems` has
    the shape of each refusal with more members than `Problem`. `links` names the operations that
    can follow, and the values that each needs from this response. A `probe` is for monitoring: it
    reads no token and counts no limit. A `deprecation` is shown in the document and in the headers
    of each response.
    """
    own = list(refusals)
    common = [*_ALWAYS, *([] if probe else _common(takes, parameters, anyone=anyone))]
    described = extend_schema(
        operation_id=name,
        request=takes,
        responses={
            **{
                (key if isinstance(key, tuple) else (key, "application/json")): _describe(shown)
                for key, shown in answers.items()
            },
            **show_problems(common, own, problems or {}),
        },
        parameters=list(parameters),
        auth=security_of(tokens, anyone=anyone or probe),
        deprecated=True if deprecation else None,
        extensions={CODES: codes_of([*common, *own]), **({LINKS: links} if links else {})},
        examples=[
            OpenApiExample(title, value=value, request_only=True)
            for title, value in (examples or {}).items()
        ],
    )
    return lambda handler: mark_deprecated(
        takes_parameters(described(handler), parameters), deprecation
    )


def page_of(shown: type[serializers.BaseSerializer[Any]]) -> Any:
    """Describe one page of a list."""
    page = inline_serializer(
        f"{shown.__name__}Page",
        {
            "count": serializers.IntegerField(
                help_text="The rows of all pages. In a list of changes: of this page and the pages"
                " after it."
            ),
            "next": serializers.URLField(allow_null=True, help_text="The next page, if any."),
            "previous": serializers.URLField(
                allow_null=True,
                help_text="The previous page, if any. Always null in a list of changes.",
            ),
            "results": shown(many=True),
        },
    )
    type(page).__doc__ = "One page of a list."
    return page


def _describe(shown: Any) -> OpenApiResponse:
    """Describe a response by the docstring of its serializer."""
    if isinstance(shown, OpenApiResponse):
        return shown
    shape = shown if isclass(shown) else type(shown)
    # `vars`, because an inherited docstring describes another serializer.
    return OpenApiResponse(shown, description=cleandoc(vars(shape).get("__doc__") or ""))


def _common(takes: Any, parameters: Sequence[Any], *, anyone: bool) -> list[type[Exception]]:
    found: list[type[Exception]] = [
        exceptions.Throttled,
        OperationalError,
        exceptions.AuthenticationFailed,
    ]
    if not anyone:
        found.append(exceptions.NotAuthenticated)
    if takes is not None:
        found += [exceptions.ParseError, exceptions.UnsupportedMediaType, RequestDataTooBig]
    if PAGE[0] in parameters:
        found.append(exceptions.NotFound)
    return found
