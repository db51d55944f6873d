"""Errors in the document: the schema of problems, and the problems that an operation returns."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema_field
from rest_framework import serializers

from ticketing.api.problems import CONTENT_TYPE, FRAMEWORK_CODES, PLACES, status_and_words

# The extension that carries an operation's codes through the generator. `list_codes` removes it.
CODES: Final = "x-problem-codes"
_ID: Final = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"
_CODE: Final = "ProblemCode"

Refusals = Iterable[type[Exception]]


@extend_schema_field({"$ref": f"#/components/schemas/{_CODE}"})
class _CodeField(serializers.CharField):
    pass


class ErrorShown(serializers.Serializer[Any]):
    """One error of a request."""

    pointer = serializers.CharField(
        help_text="The place of the error: `#/items/0/quantity` in the body (a JSON pointer, RFC"
        " 6901), `?status` in the query, `If-Match` in the headers."
    )
    detail = serializers.CharField(help_text="What is wrong, for people.")
    code = serializers.CharField(help_text="What is wrong, for programs.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `in` is a keyword of Python, so it cannot be a class attribute.
        places = serializers.ChoiceField(
            choices=PLACES, help_text="The part of the request with the error."
        )
        return {**super().get_fields(), "in": places}


class Problem(serializers.Serializer[Any]):
    """Any error (RFC 9457). `code` is for programs, `detail` for people."""

    # Further members of an example, for subclasses.
    example: ClassVar[Mapping[str, Any]] = {}

    type = serializers.CharField(help_text="The path of the page that explains `code`.")
    title = serializers.CharField(
        help_text="What `code` means. It is the same for every problem with this code."
    )
    status = serializers.IntegerField(
        min_value=400, max_value=599, help_text="The status of the response."
    )
    code = _CodeField()
    detail = serializers.CharField(help_text="What is wrong with this request, and what to do.")
    instance = serializers.CharField(help_text="The path of the request.")
    request_id = serializers.CharField(
        help_text="The same as `X-Request-Id`. The operator can find it in the log."
    )
    errors = ErrorShown(  # type: ignore[assignment]  # a member, not the errors of a serializer
        many=True, required=False, help_text="All errors. Only `invalid_request` has them."
    )


def show_problems(
    common: Refusals,
    own: Refusals,
    shapes: Mapping[type[Exception], type[Problem]],
) -> dict[Any, OpenApiResponse]:
    """
    Return a response for each status of the refusals, with their codes in its description.

    `own` are the refusals of the operation itself; only they get examples. `shapes` has the schema
    of each problem with more members than `Problem`.
    """
    titles: dict[int, dict[str, str]] = defaultdict(dict)
    shape_of: dict[int, type[Problem]] = {}
    own = list(own)
    for refusal in [*common, *own]:
        status, code, title = status_and_words(refusal)
        titles[status][code] = title
        if refusal in shapes:
            shape_of[status] = shapes[refusal]
    with_example = {status_and_words(refusal)[1] for refusal in own}
    return {
        (status, CONTENT_TYPE): _show(shape_of.get(status, Problem), status, codes, with_example)
        for status, codes in sorted(titles.items())
    }


def codes_of(refusals: Refusals) -> list[str]:
    """Return the codes of refusals."""
    return sorted({status_and_words(refusal)[1] for refusal in refusals})


def list_codes(operations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of `code`: the codes of all operations, and those of any path."""
    codes = set(FRAMEWORK_CODES)
    for described in operations:
        codes |= set(described.pop(CODES, ()))
    return {
        _CODE: {
            "type": "string",
            "enum": sorted(codes),
            "description": "The kind of error, for programs. Later versions may add codes.",
        }
    }


def _show(
    shape: type[Problem], status: int, titles: Mapping[str, str], with_example: Collection[str]
) -> OpenApiResponse:
    lines = [f"- `{code}`: {title}." for code, title in sorted(titles.items())]
    return OpenApiResponse(
        shape,
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
                    **shape.example,
                },
                status_codes=[str(status)],
                response_only=True,
                media_type=CONTENT_TYPE,
            )
            for code, title in sorted(titles.items())
            if code in with_example
        ],
    )
