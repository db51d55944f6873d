"""
The last touch to the document, where the generator cannot say what we mean.

What is added here holds for every operation, so a view need not repeat it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from django.utils.translation import override
from drf_spectacular.generators import SchemaGenerator

import ticketing.api.openapi.requests  # noqa: F401 - registers what it describes
from ticketing.api.openapi.about import describe_api, tag_of
from ticketing.api.openapi.headers import describe_headers, name_headers
from ticketing.api.openapi.links import describe_links
from ticketing.api.openapi.parameters import describe_path_parameters
from ticketing.api.openapi.problems import list_codes
from ticketing.api.openapi.security import SECURITY_SCHEMES, describe_security

# The components that only answers are made of.
_SHOWN: Final = ("Shown", "ForOrganizer")

Operation = dict[str, Any]


class EnglishGenerator(SchemaGenerator):
    """What is served is what is committed, whatever the reader's language."""

    def get_schema(self, *arguments: Any, **named: Any) -> Any:
        with override("en"):
            return super().get_schema(*arguments, **named)  # type: ignore[no-untyped-call]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """
    Name each path as the contract does, and complete what is said of each operation.

    With a slash at its end a path answers the same.
    """
    paths = {path.rstrip("/") or "/": operations for path, operations in result["paths"].items()}
    for path, method, described in _operations_of(paths):
        described["tags"] = [tag_of(path)]
        # What a list of operations shows beside each path.
        described["summary"] = described["description"].splitlines()[0].replace("`", "")
        describe_security(described)
        name_headers(path, method, described)
        describe_links(described)
        describe_path_parameters(described)
        _tell_needed_body(described, result["components"]["schemas"])
    schemas = {
        **result["components"]["schemas"],
        **list_codes(described for _, _, described in _operations_of(paths)),
    }
    for schema in schemas.values():
        _show_decimals(schema)
    _tell_wholeness(schemas)
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


def _tell_needed_body(described: Operation, schemas: Mapping[str, dict[str, Any]]) -> None:
    """Say that a body is needed where none, which reads as an empty object, is refused."""
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


def _tell_wholeness(schemas: Mapping[str, dict[str, Any]]) -> None:
    """
    Say that what is shown is shown whole: each field is there, though it may be null.

    The generator takes what a form may leave out for what an answer may leave out, and clients
    made of the document would then ask at each field whether it is there.
    """
    for name, schema in schemas.items():
        if name.endswith(_SHOWN):
            schema["required"] = sorted(schema["properties"])


def _show_decimals(schema: dict[str, Any]) -> None:
    """Give an example of each amount: made up from its pattern, it would be a negative one."""
    for described in schema.get("properties", {}).values():
        if described.get("format") == "decimal":
            described["examples"] = ["120.00"]
