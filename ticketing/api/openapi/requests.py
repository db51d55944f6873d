"""Requests in the document: the rules of our fields, and objects that refuse unknown members."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

from ticketing.api.fields import StrictSerializer


class RequestObject(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describe each object of a request by the checks of its serializer and its fields."""

    target_class = serializers.Serializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        sent: serializers.Serializer[Any] = self.target
        schema: dict[str, Any] = auto_schema._map_serializer(  # noqa: SLF001 - as drf-spectacular's own extensions do
            sent, direction, bypass_extensions=True
        )
        if direction != "request":
            return schema
        for name, described in schema.get("properties", {}).items():
            described.update(_rules_of(sent.fields[name]))
        return _close(sent, schema) if isinstance(sent, StrictSerializer) else schema


def _rules_of(field: Any) -> dict[str, Any]:
    describe = getattr(field, "describe", None)
    if describe is not None:
        return dict(describe())
    # The generator writes the maximum length of a list, but not that it must not be empty.
    return {"minItems": 1} if getattr(field, "allow_empty", True) is False else {}


def _close(sent: StrictSerializer, schema: dict[str, Any]) -> dict[str, Any]:
    ignored = {
        name: {"description": "Not read. It is allowed so that a response can be sent back."}
        for name in sorted(sent.ignored)
    }
    properties = {**schema.get("properties", {}), **ignored}
    return {**schema, "properties": properties, "additionalProperties": False, **sent.rules}
