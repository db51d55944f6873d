"""Rules for every operation in the API's document."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.test_rules import ROOT

TEXT = (ROOT / "docs/openapi.yaml").read_text()
DOCUMENT: dict[str, Any] = yaml.load(TEXT, yaml.CSafeLoader)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each operation of the API, and each webhook request that we send."""
    for group in ("paths", "webhooks"):
        for path, methods in DOCUMENT[group].items():
            for method, described in methods.items():
                yield f"{method.upper()} {path}", described


def schemas_in(schema: Any, seen: set[str]) -> Iterator[dict[str, Any]]:
    """Return a schema and all schemas inside it."""
    if isinstance(schema, list):
        for inner in schema:
            yield from schemas_in(inner, seen)
    elif isinstance(schema, dict):
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            seen.add(name)
            yield from schemas_in(SCHEMAS[name], seen)
        yield schema
        for keyword, inner in schema.items():
            # These are rules for an object that is described beside them, not objects.
            if keyword not in {"if", "then", "else"}:
                yield from schemas_in(inner, seen)


def test_every_operation_has_an_id_a_summary_a_described_tag_and_its_security():
    tags = {tag["name"]: tag["description"] for tag in DOCUMENT["tags"]}

    for name, described in operations():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", described["operationId"]), name
        assert described["summary"].strip(), name
        assert all(tags[tag] for tag in described["tags"]), name
        # Also where no token is needed, so that tools need not guess.
        assert "security" in described, name
    names = Counter(described["operationId"] for _, described in operations())
    assert names.most_common(1)[0][1] == 1


def test_every_parameter_and_every_response_is_described():
    silent = [
        (name, place)
        for name, described in operations()
        for place, part in [
            *((parameter["name"], parameter) for parameter in described.get("parameters", [])),
            *described["responses"].items(),
        ]
        if not part.get("description", "").strip()
    ]

    assert silent == []


def test_every_object_in_a_request_refuses_unknown_members():
    open_ones = [
        (name, sorted(schema["properties"]))
        for name, described in operations()
        if name.rpartition(" ")[2].startswith("/")
        for schema in schemas_in(described.get("requestBody", {}).get("content", {}), set())
        if isinstance(schema.get("properties"), dict)
        and schema.get("additionalProperties") is not False
    ]

    assert open_ones == []


def test_every_code_of_an_operation_is_in_the_enumeration_of_codes():
    named = {
        code
        for _, described in operations()
        for response in described["responses"].values()
        for code in re.findall(r"^- `([a-z_]+)`", response["description"], re.MULTILINE)
    }

    assert len(named) > 20
    assert named <= set(SCHEMAS["ProblemCode"]["enum"])


def test_each_error_is_a_problem():
    for name, described in operations():
        for status, response in described["responses"].items():
            if status >= "400" and name.rpartition(" ")[2].startswith("/"):
                shape = response["content"]["application/problem+json"]["schema"]["$ref"]
                assert set(SCHEMAS["Problem"]["properties"]) <= set(
                    SCHEMAS[shape.rpartition("/")[2]]["properties"]
                ), name


@pytest.mark.parametrize("member", ["contact", "license", "description", "version"])
def test_the_document_has_a_contact_a_license_a_description_and_a_version(member: str):
    assert DOCUMENT["info"][member]


def test_the_quick_start_names_the_checked_version_of_openapi_typescript():
    quick_start = (ROOT / "docs/quickstart-python.md").read_text()
    checked = json.loads((ROOT / "tests/linting/package.json").read_text())["devDependencies"]

    named = re.findall(r"npx openapi-typescript@(\S+)", quick_start)

    assert named == [checked["openapi-typescript"]]


def test_the_document_has_no_internal_extensions():
    marks = set(re.findall(r"^\s*(x-[a-z-]+):", TEXT, re.MULTILINE))

    assert marks == {"x-enum-varnames", "x-required-scope"}
