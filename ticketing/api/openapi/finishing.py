"""
Complete the document after the generator has made it.

This adds what holds for every operation, so that views need not repeat it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.utils.translation import override
from drf_spectacular.generators import SchemaGenerator

import ticketing.api.openapi.requests  # noqa: F401 - registers its extension
from ticketing.api.openapi.about import describe_api, tag_of
from ticketing.api.openapi.headers import describe_headers, name_headers
from ticketing.api.openapi.links import describe_links
from ticketing.api.openapi.parameters import describe_path_parameters
from ticketing.api.openapi.problems import list_codes
from ticketing.api.openapi.security import SECURITY_SCHEMES, describe_security

# The endings of components that only responses have.
_RESPONSE_ENDINGS: Final = ("Shown", "ForOrganizer")

Operation = dict[str, Any]


class EnglishGenerator(SchemaGenerator):
    """A generator that always makes the document in English."""

    def get_schema(self, *arguments: Any, **named: Any) -> Any:
        with override("en"):
            return super().get_schema(*arguments, **named)  # type: ignore[no-untyped-call]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """
    Remove the optional slash from each path, and complete the description of each operation.

    drf-spectacular calls this with the whole document.
    """
    paths = {path.rstrip("/") or "/": operations for path, operations in result["paths"].items()}
    for path, method, described in _operations_of(paths):
        described["tags"] = [tag_of(path)]
        # Lists of operations show the summary beside the path.
        described["summary"] = described["description"].splitlines()[0].replace("`", "")
        describe_security(described)
        name_headers(path, method, described)
        describe_links(described)
        describe_path_parameters(described)
        _mark_required_body(described, result["components"]["schemas"])
    schemas = {
        **result["components"]["schemas"],
        **list_codes(described for _, _, described in _operations_of(paths)),
    }
    for schema in schemas.values():
        _add_amount_examples(schema)
    _require_shown_members(schemas)
    return {
        **result,
        **describe_api(result["info"], _tags_of([paths, result.get("webhooks", {})])),
        "paths": paths,
        "components": {
            **result["components"],
            "schemas": dict(sorted(schemas.items())),
            "headers": describe_headers(each for _, _, each in _operations_of(paths)),
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _operations_of(paths: Mapping[str, dict[str, Operation]]) -> Iterator[tuple[str, str, Any]]:
    for path, operations in paths.items():
        for method, described in operations.items():
            yield path, method, described


def _mark_required_body(described: Operation, schemas: Mapping[str, dict[str, Any]]) -> None:
    """Mark a body as required if an empty object, which a missing body stands for, is refused."""
    body = described.get("requestBody")
    if body is None:
        return
    for content in body["content"].values():
        schema = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        needed = schema.get("required") or schema.get("else", {}).get("required")
        body["required"] = bool(needed)


def _tags_of(groups: Iterable[Mapping[str, dict[str, Operation]]]) -> set[str]:
    return {
        tag
        for paths in groups
        for _, _, described in _operations_of(paths)
        for tag in described["tags"]
    }


def _require_shown_members(schemas: Mapping[str, dict[str, Any]]) -> None:
    """
    Mark every member of a response as required: each is present, though it may be null.

    The generator marks a member that a request may omit as optional in responses too. Generated
    clients would then have to check each member.
    """
    for name, schema in schemas.items():
        if name.endswith(_RESPONSE_ENDINGS):
            schema["required"] = sorted(schema["properties"])


def _add_amount_examples(schema: dict[str, Any]) -> None:
    """Add an example to each amount. Tools would make up a negative one from its pattern."""
    for described in schema.get("properties", {}).values():
        if described.get("format") == "decimal":
            described["examples"] = ["120.00"]
