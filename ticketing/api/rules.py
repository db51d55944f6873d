"""
Rules between the members of an object in JSON Schema, for `StrictSerializer.rules`.

In the document they say what a serializer's `validate` checks. Linters require that each part names
its properties and allows others.
"""

from typing import Any, Final

from ticketing.text import LINE_NOT_BLANK

_ALLOWS_OTHERS: Final = {"additionalProperties": True}


def has(*names: str) -> dict[str, Any]:
    """Match an object with all these members."""
    return {"required": list(names), "properties": {name: {} for name in names}, **_ALLOWS_OTHERS}


def has_none(*names: str) -> dict[str, Any]:
    """Match an object without any of these members."""
    return {"properties": dict.fromkeys(names, False), **_ALLOWS_OTHERS}


def has_values(**values: Any) -> dict[str, Any]:
    """Match an object whose members have these values. A missing member matches too."""
    return {
        "properties": {name: {"const": value} for name, value in values.items()},
        **_ALLOWS_OTHERS,
    }


def has_text(name: str) -> dict[str, Any]:
    """Match an object whose member is a line of text that is not blank."""
    return {
        "required": [name],
        "properties": {name: {"type": "string", "pattern": LINE_NOT_BLANK}},
        **_ALLOWS_OTHERS,
    }


def lacks(name: str) -> dict[str, Any]:
    """Match an object without this member, for use as a condition."""
    return {"not": has(name)}
