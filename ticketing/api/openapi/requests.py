"""What a request may carry: the rules of our fields, and objects without other members."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

from ticketing.api.fields import StrictSerializer


class RequestObject(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes each object of a request by what its serializer and its fields check."""

    target_class = serializers.Serializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        sent: serializers.Serializer[Any] = self.target
        schema: dict[str, Any] = auto_schema._map_serializer(  # noqa: SLF001 - as its authors do
            sent, direction, bypass_extensions=True
        )
        if direction != "request":
            return schema
        for name, described in schema.get("properties", {}).items():
            describe = getattr(sent.fields[name], "describe", None)
            if describe is not None:
                described.update(describe())
        return _close(sent, schema) if isinstance(sent, StrictSerializer) else schema


def _close(sent: StrictSerializer, schema: dict[str, Any]) -> dict[str, Any]:
    ignored = {
        name: {"description": "Not read: an answer may be sent back as it is."}
        for name in sorted(sent.ignored)
    }
    properties = {**schema.get("properties", {}), **ignored}
    return {**schema, "properties": properties, "additionalProperties": False, **sent.rules}
