"""What a JSON value may be: strict about types, and nothing that was not asked for."""

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
from ticketing.text import LINE, LINE_NOT_BLANK, SEARCH, TEXT, has_web_address, refuse_web_addresses

# A person's or a firm's name.
LONGEST_NAME: Final = 200
_AMOUNT: Final = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"
# Past what a floating-point number adds to an amount in cents.
_CENTS_OFF: Final = Decimal("1e-7")
# A year past these can only be a slip.
_YEARS: Final = r"^(19[7-9][0-9]|20[0-9]{2})-"
_HOST: Final = r"([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+|localhost"
_WEB_ADDRESS: Final = rf"^https?://({_HOST})(:[0-9]{{1,5}})?([/?#][!-~]*)?$"


def _name_of(zone: str) -> str:
    for sign, name in (("+", "_PLUS_"), ("-", "_MINUS_"), ("/", "__")):
        zone = zone.replace(sign, name)
    return zone.upper()


class StrictSerializer(serializers.Serializer[Any]):
    """An object with these members and no others."""

    # Members that we send and take back unread, so that an answer can be sent again, changed.
    ignored: ClassVar[frozenset[str]] = frozenset()
    # What `validate` checks, as far as JSON Schema can say it: for the API's document.
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
    """A JSON number without a fraction: `2`, and so `2.0`. `"2"`, `2.5` and `true` are none."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is float and data.is_integer():
            return int(data)
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
            {"type": "string", "pattern": _AMOUNT, "examples": ["120.00"]},
            {"type": "number", "minimum": 0, "exclusiveMaximum": 10**8, "multipleOf": 0.01},
        ]
    }
)
class PriceField(serializers.DecimalField):
    """An amount of money, not negative: a decimal string, best, or a number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=10, decimal_places=2, min_value=0, **options)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or (isinstance(data, str) and not re.fullmatch(_AMOUNT, data)):
            self.fail("invalid")
        return super().to_internal_value(_to_cents(data) if isinstance(data, float) else data)


class TextField(serializers.CharField):
    """A JSON string. Numbers are none."""

    # What a text has to match as it was sent, before blanks around it are cut off; and what one
    # has to match that must not be blank. The document has the same two.
    pattern: ClassVar[str] = TEXT
    pattern_not_blank: ClassVar[str] = TEXT
    default_error_messages = {"control_characters": "Control characters are not allowed here."}

    def run_validation(self, data: Any = empty) -> Any:
        # The framework cuts blanks off before all else, and takes a blank for an empty text.
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
        """Return the rules for a text, as the document has them."""
        return {"pattern": self.pattern} if self.allow_blank else self._describe_not_blank()

    def _describe_not_blank(self) -> dict[str, Any]:
        return {"pattern": self.pattern_not_blank, "minLength": 1}


class SearchField(TextField):
    """What somebody types to find something: blank, or with two letters or digits in a row."""

    pattern = SEARCH
    pattern_not_blank = SEARCH
    default_error_messages = {"too_few_letters": "Send at least two letters or digits in a row."}

    def _check_as_sent(self, data: Any) -> None:
        is_text = re.fullmatch(TEXT, data) and len(data) <= (self.max_length or len(data))
        if is_text and not re.fullmatch(self.pattern, data):
            self.fail("too_few_letters")
        super()._check_as_sent(data)


class LineField(TextField):
    """A JSON string of one line, without control characters. Blanks around it are cut off."""

    pattern = LINE
    pattern_not_blank = LINE_NOT_BLANK


class WordField(TextField):
    """A JSON string that matches a pattern of its own, as it was sent."""

    def __init__(self, pattern: str, *, words: str, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)
        self._own, self._words = pattern, words

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not re.fullmatch(self._own, text):
            raise serializers.ValidationError(self._words)
        return text

    def describe(self) -> dict[str, Any]:
        """Return the rules for a word, as the document has them."""
        return {"pattern": self._own}


@extend_schema_field(
    {
        "type": "string",
        "enum": list(ZONES),
        # Of a sign, most client generators make nothing: GMT+0 and GMT-0 would have one name.
        "x-enum-varnames": [_name_of(zone) for zone in ZONES],
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
        """Return nothing more: the names are all there is."""
        return {}


class WebAddressField(WordField):
    """An http or https address, in ASCII, of a host with a name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(_WEB_ADDRESS, words="Give an http or https address.", **options)


class NameField(LineField):
    """A person's or a firm's name: it goes into mails, so no web address may be in it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=LONGEST_NAME, **options)
        self.validators.append(refuse_web_addresses)


@extend_schema_field({"type": "string", "format": "email", "maxLength": LONGEST_ADDRESS})
class AddressField(TextField):
    """An email address that mail can reach. Its domain is returned in IDNA's ASCII form."""

    def to_internal_value(self, data: Any) -> str:
        return tidy_address(super().to_internal_value(data))


class MomentField(serializers.DateTimeField):
    """A moment in ISO 8601 that says its offset."""

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
        """Return the rule for a year, as the document has it."""
        return {"pattern": _YEARS}

    def enforce_timezone(self, value: Any) -> Any:
        if value.tzinfo is None:
            self.fail("naive")
        return super().enforce_timezone(value)


def _to_cents(number: float) -> Decimal:
    """Return an amount in cents if the number is one, but for the error of its binary fraction."""
    exact = Decimal(number)
    cents = exact.quantize(Decimal("0.01"))
    return cents if abs(exact - cents) < _CENTS_OFF else Decimal(str(number))


def column_length(model: type[Model], column: str) -> int:
    """Return the length of a model's text column, so that a request's field has the same limit."""
    field: Any = model._meta.get_field(column)  # noqa: SLF001 - public in all but name
    return int(field.max_length)


def show_moment(moment: datetime) -> str:
    """Return a moment as all our answers tell it: ISO 8601 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def is_line(text: str) -> bool:
    """Say whether `LineField` would take a text as it stands."""
    return bool(text) and text.isprintable() and text == text.strip()


def is_name(text: str) -> bool:
    """Say whether `NameField` would take a text as it stands."""
    return is_line(text) and not has_web_address(text)
