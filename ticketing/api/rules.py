"""
Rules between the members of an object, in JSON Schema: for `StrictSerializer.rules`.

They say in the document what a serializer's `validate` checks. Linters want each part to name
its properties and to allow for the others.
"""

from typing import Any, Final

from ticketing.text import LINE_NOT_BLANK

_ALSO_OTHERS: Final = {"additionalProperties": True}


def has(*names: str) -> dict[str, Any]:
    """Match an object with all these members."""
    return {"required": list(names), "properties": {name: {} for name in names}, **_ALSO_OTHERS}


def has_none(*names: str) -> dict[str, Any]:
    """Match an object without any of these members."""
    return {"properties": dict.fromkeys(names, False), **_ALSO_OTHERS}


def has_values(**values: Any) -> dict[str, Any]:
    """Match an object whose members, where it has them, have these values."""
    return {
        "properties": {name: {"const": value} for name, value in values.items()},
        **_ALSO_OTHERS,
    }


def has_text(name: str) -> dict[str, Any]:
    """Match an object with a line of text that is not blank."""
    return {
        "required": [name],
        "properties": {name: {"type": "string", "pattern": LINE_NOT_BLANK}},
        **_ALSO_OTHERS,
    }


def lacks(name: str) -> dict[str, Any]:
    """Match an object without a member: for a condition."""
    return {"not": has(name)}
