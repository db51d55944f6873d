"""Serializer fields for requests: strict about JSON types, and unknown members are refused."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from ticketing.addresses import LONGEST_ADDRESS, tidy_address
from ticketing.clock import ZONES
from ticketing.text import (
    LINE,
    LINE_NOT_BLANK,
    SEARCH,
    SEARCH_NOT_BLANK,
    TEXT,
    WEB_ADDRESS,
    has_web_address,
    is_blank,
    refuse_web_addresses,
)

# A person's or a firm's name.
LONGEST_NAME: Final = 200
_AMOUNT: Final = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"
_PERCENT: Final = r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)$"
# More than the rounding error of a floating-point number of this size.
_CENTS_OFF: Final = Decimal("1e-7")
# A floating-point number of this size has no cents, and more digits than can be rounded.
_NO_CENTS: Final = 2**53
# Dates outside these years are taken for mistakes.
_YEARS: Final = r"^(19[7-9][0-9]|20[0-9]{2})-"


def _variable_name(zone: str) -> str:
    for sign, name in (("+", "_PLUS_"), ("-", "_MINUS_"), ("/", "__")):
        zone = zone.replace(sign, name)
    return zone.upper()


class StrictSerializer(serializers.Serializer[Any]):
    """A JSON object that has no members besides its fields."""

    # Members of responses that a request may contain too, so that a client can change a response
    # and send it back. They are not read.
    ignored: ClassVar[frozenset[str]] = frozenset()
    # The rules of `validate` in JSON Schema, as far as it can express them, for the document.
    rules: ClassVar[Mapping[str, Any]] = {}

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
    """A JSON number without a fraction: `2` or `2.0`. It refuses `"2"`, `2.5` and `true`."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is float and data.is_integer():
            return int(data)
        if type(data) is not int:
            self.fail("invalid")
        return data


class YesOrNoField(serializers.BooleanField):
    """A JSON `true` or `false`. It refuses `"true"` and `1`."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": _AMOUNT, "examples": ["120.00"]},
            {"type": "number", "minimum": 0, "exclusiveMaximum": 10**8, "multipleOf": 0.01},
        ]
    }
)
class PriceField(serializers.DecimalField):
    """An amount of money, not negative: a decimal string (recommended) or a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=0, **options)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or (isinstance(data, str) and not re.fullmatch(_AMOUNT, data)):
            self.fail("invalid")
        return super().to_internal_value(_to_cents(data) if isinstance(data, float) else data)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": _PERCENT, "examples": ["10.00"]},
            {"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01},
        ]
    }
)
class PercentField(PriceField):
    """A percentage from 0 to 100: a decimal string (recommended) or a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_value=100, **options)


class TextField(serializers.CharField):
    """A JSON string. It refuses numbers."""

    # `pattern` is checked before surrounding blanks are removed. The document shows it, or
    # `pattern_not_blank` for a field that must not be blank.
    pattern: ClassVar[str] = TEXT
    pattern_not_blank: ClassVar[str] = TEXT
    default_error_messages = {"control_characters": "Control characters are not allowed here."}

    def run_validation(self, data: Any = empty) -> Any:
        # First: the framework removes blanks before it validates, and reads a blank as empty.
        if isinstance(data, str):
            self._check_as_sent(data)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def _check_as_sent(self, data: str) -> None:
        if self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        if not re.fullmatch(self.pattern, data):
            self.fail("control_characters")

    def describe(self) -> dict[str, Any]:
        """Return the rules of this field for the document, in JSON Schema."""
        return {"pattern": self.pattern} if self.allow_blank else self._describe_not_blank()

    def _describe_not_blank(self) -> dict[str, Any]:
        return {"pattern": self.pattern_not_blank, "minLength": 1}


class SearchField(TextField):
    """Words to search for: blank, or with two letters or digits in a row."""

    pattern = SEARCH
    pattern_not_blank = SEARCH_NOT_BLANK
    default_error_messages = {"too_few_letters": "Send at least two letters or digits in a row."}

    def _check_as_sent(self, data: Any) -> None:
        is_text = re.fullmatch(TEXT, data) and len(data) <= (self.max_length or len(data))
        if is_text and not re.fullmatch(self.pattern, data):
            self.fail("too_few_letters")
        super()._check_as_sent(data)


class LineField(TextField):
    """A JSON string of one line, without control characters. Surrounding blanks are removed."""

    pattern = LINE
    pattern_not_blank = LINE_NOT_BLANK

    def run_validation(self, data: Any = empty) -> Any:
        text = super().run_validation(data)
        if text and is_blank(text):
            # The framework knows fewer blanks.
            return super().run_validation("")
        return text


class WordField(TextField):
    """A JSON string that matches `pattern` exactly as it was sent. `words` is the error message."""

    def __init__(self, pattern: str, *, words: str, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)
        self._pattern, self._message = pattern, words

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not re.fullmatch(self._pattern, text):
            raise serializers.ValidationError(self._message)
        return text

    def describe(self) -> dict[str, Any]:
        """Return the rules of this field for the document, in JSON Schema."""
        return {"pattern": self._pattern}


@extend_schema_field(
    {
        "type": "string",
        "enum": list(ZONES),
        # Most client generators drop signs, so GMT+0 and GMT-0 would get the same name.
        "x-enum-varnames": [_variable_name(zone) for zone in ZONES],
    },
    component_name="TimeZone",
)
class TimeZoneField(LineField):
    """An IANA time zone's name."""

    default_error_messages = {"unknown_timezone": "This is not an IANA time zone."}

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in ZONES:
            self.fail("unknown_timezone")
        return name

    def describe(self) -> dict[str, Any]:
        """Return no rules: the enumeration of the component has them all."""
        return {}


class WebAddressField(WordField):
    """An http or https URL by RFC 3986. Its host is a domain name or an IPv4 address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            WEB_ADDRESS,
            words="Give an http or https address. Percent-encode its spaces, brackets and accents.",
            **options,
        )


class NameField(LineField):
    """A person's or firm's name. Web addresses are refused, because mails show names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_NAME, **options)
        self.validators.append(refuse_web_addresses)


@extend_schema_field({"type": "string", "format": "email", "maxLength": LONGEST_ADDRESS})
class AddressField(TextField):
    """A deliverable email address. Its domain is returned in IDNA's ASCII form."""

    def to_internal_value(self, data: Any) -> str:
        return tidy_address(super().to_internal_value(data))


class MomentField(serializers.DateTimeField):
    """A date and time in ISO 8601 with an offset."""

    default_error_messages = {
        "naive": "Give the offset, as in 2027-01-10T21:00:00-03:00.",
        "not_in_this_age": "Give a year from 1970 to 2099.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        moment = super().to_internal_value(value)
        if not re.match(_YEARS, value):
            self.fail("not_in_this_age")
        return moment

    def describe(self) -> dict[str, Any]:
        """Return the rules of this field for the document, in JSON Schema."""
        return {"pattern": _YEARS}

    def enforce_timezone(self, value: Any) -> Any:
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)


def _to_cents(number: float) -> Decimal:
    """Round away the binary error of an amount in cents. Other numbers stay as they are."""
    if abs(number) >= _NO_CENTS:
        return Decimal(str(number))
    exact = Decimal(number)
    cents = exact.quantize(Decimal("0.01"))
    return cents if abs(exact - cents) < _CENTS_OFF else Decimal(str(number))


def column_length(model: type[Model], column: str) -> int:
    """Return the length of a model's text column, so that a request's field has the same limit."""
    field: Any = model._meta.get_field(column)  # noqa: SLF001 - public in all but name
    return int(field.max_length)


def show_moment(moment: datetime) -> str:
    """Return a moment as all responses show it: ISO 8601 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_line(text: str) -> bool:
    """Say whether `LineField` accepts a text without changing it."""
    return text.isprintable() and text == text.strip() and not is_blank(text)


def is_name(text: str) -> bool:
    """Say whether `NameField` accepts a text without changing it."""
    return is_line(text) and not has_web_address(text)
