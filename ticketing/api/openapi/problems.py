"""Errors in the document: the shapes of problems, and which of them an operation answers with."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema_field
from rest_framework import serializers

from ticketing.api.problems import CONTENT_TYPE, FRAMEWORK_CODES, PLACES, status_and_words

# Carries an operation's codes through the generator, for the enumeration of them all.
CODES: Final = "x-problem-codes"
_ID: Final = "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e"
_CODE: Final = "ProblemCode"

Refusals = Iterable[type[Exception]]


@extend_schema_field({"$ref": f"#/components/schemas/{_CODE}"})
class _CodeField(serializers.CharField):
    pass


class ErrorShown(serializers.Serializer[Any]):
    """One thing that is wrong with a request."""

    pointer = serializers.CharField(
        help_text="What is wrong: `#/items/0/quantity` in the body (a JSON pointer, RFC 6901),"
        " `?status` in the query, `If-Match` in the headers."
    )
    detail = serializers.CharField(help_text="What is wrong, for people.")
    code = serializers.CharField(help_text="What is wrong, for programs.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `in` is a word of Python, so it cannot be written above.
        places = serializers.ChoiceField(choices=PLACES, help_text="Where it was sent.")
        return {**super().get_fields(), "in": places}


class Problem(serializers.Serializer[Any]):
    """Any error (RFC 9457). Programs go by `code`; people read `detail`."""

    # What an example of it has beside the members below.
    example: ClassVar[Mapping[str, Any]] = {}

    type = serializers.CharField(help_text="Where `code` is explained.")
    title = serializers.CharField(help_text="What `code` means. It is the same each time.")
    status = serializers.IntegerField(min_value=400, max_value=599, help_text="As in the response.")
    code = _CodeField()
    detail = serializers.CharField(help_text="What is wrong this time, and what to do.")
    instance = serializers.CharField(help_text="The path that was called.")
    request_id = serializers.CharField(help_text="As in `X-Request-Id`. The operator can find it.")
    errors = ErrorShown(  # type: ignore[assignment]  # of the document
        many=True, required=False, help_text="Each thing that is wrong, of `invalid_request` alone."
    )


def show_problems(
    common: Refusals,
    own: Refusals,
    shapes: Mapping[type[Exception], type[Problem]],
) -> dict[Any, OpenApiResponse]:
    """
    Return a response for each status of the refusals, with their codes in its description.

    `own` are those of the operation itself, which get examples. `shapes` has the problems that
    carry more than `Problem`.
    """
    titles: dict[int, dict[str, str]] = defaultdict(dict)
    shape_of: dict[int, type[Problem]] = {}
    own = list(own)
    for refusal in [*common, *own]:
        status, code, title = status_and_words(refusal)
        titles[status][code] = title
        if refusal in shapes:
            shape_of[status] = shapes[refusal]
    telling = {status_and_words(refusal)[1] for refusal in own}
    return {
        (status, CONTENT_TYPE): _show(shape_of.get(status, Problem), status, said, telling)
        for status, said in sorted(titles.items())
    }


def codes_of(refusals: Refusals) -> list[str]:
    """Return the codes of refusals."""
    return sorted({status_and_words(refusal)[1] for refusal in refusals})


def list_codes(operations: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of `code`: what the operations answer with, and what any path may."""
    codes = set(FRAMEWORK_CODES)
    for described in operations:
        codes |= set(described.pop(CODES, ()))
    return {
        _CODE: {
            "type": "string",
            "enum": sorted(codes),
            "description": "What went wrong, for programs. A later version may have more.",
        }
    }


def _show(
    shape: type[Problem], status: int, titles: Mapping[str, str], telling: Collection[str]
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
            if code in telling
        ],
    )
