"""What a JSON value may be: strict about types, and nothing that was not asked for."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ticketing.addresses import LONGEST_ADDRESS, tidy_address
from ticketing.clock import refuse_other_ages
from ticketing.text import has_web_address, refuse_control_characters, refuse_web_addresses


class StrictSerializer(serializers.Serializer[Any]):
    """An object with these members and no others."""

    # Members that we send and take back unread, so that an answer can be sent again, changed.
    ignored: frozenset[str] = frozenset()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = set(data) - set(self.fields) - self.ignored
            if unknown:
                raise serializers.ValidationError(
                    {
                        name: [serializers.ErrorDetail("Unknown field.", code="unknown_field")]
                        for name in sorted(map(str, unknown))
                    }
                )
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A JSON number without a fraction. `"2"`, `2.5` and `true` are none."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class YesOrNoField(serializers.BooleanField):
    """A JSON `true` or `false`. `"true"` and `1` are none."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^\d{1,8}(\.\d{1,2})?$", "examples": ["120.00"]},
            {"type": "number", "minimum": 0, "exclusiveMaximum": 10**8},
        ]
    }
)
class PriceField(serializers.DecimalField):
    """An amount of money, not negative: a decimal string, best, or a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=0, **options)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A JSON string. Numbers are none."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class LineField(TextField):
    """A JSON string of one line, without control characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(refuse_control_characters)


class NameField(LineField):
    """A person's or a firm's name: it goes into mails, so no web address may be in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=200, **options)
        self.validators.append(refuse_web_addresses)


@extend_schema_field({"type": "string", "format": "email", "maxLength": LONGEST_ADDRESS})
class AddressField(TextField):
    """An email address that mail can reach. Its domain is returned in IDNA's ASCII form."""

    def to_internal_value(self, data: Any) -> str:
        return tidy_address(super().to_internal_value(data))


class MomentField(serializers.DateTimeField):
    """A moment in ISO 8601 that says its offset."""

    default_error_messages = {"naive": "Give the offset, as in 2027-01-10T21:00:00-03:00."}
    default_validators = [refuse_other_ages]

    def enforce_timezone(self, value: Any) -> Any:
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)


def show_moment(moment: datetime) -> str:
    """Return a moment as all our answers tell it: ISO 8601 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_line(text: str) -> bool:
    """Say whether `LineField` would take a text as it stands."""
    return bool(text) and text.isprintable() and text == text.strip()


def is_name(text: str) -> bool:
    """Say whether `NameField` would take a text as it stands."""
    return is_line(text) and not has_web_address(text)
