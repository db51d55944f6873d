"""Fields for an integrator's own data on our rows: an external id, and a few texts."""

import re
from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from ticketing.api.fields import LineField, TextField

LONGEST_EXTERNAL_ID: Final = 100
_MOST_KEYS: Final = 50
_LONGEST_VALUE: Final = 500
_KEY: Final = re.compile(r"^[A-Za-z0-9_.-]{1,40}\Z")


class ExternalIdField(LineField):
    """The id of a row in the integrator's own system. It may be empty."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=LONGEST_EXTERNAL_ID,
            required=False,
            allow_blank=True,
            allow_null=True,
            help_text="Its id in your own system. You can search for it, and it need not be unique."
            " Only the organizer sees it.",
            **options,
        )


class MetadataField(serializers.DictField):
    """A JSON object of texts. It replaces the whole stored object."""

    child = TextField(max_length=_LONGEST_VALUE, allow_blank=True, trim_whitespace=False)
    default_error_messages = {
        "too_many": f"Send at most {_MOST_KEYS} keys.",
        "key": "A key has 1 to 40 letters, digits, `_`, `-` and `.`.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False,
            help_text=f"Up to {_MOST_KEYS} texts under keys of your own. If sent, it replaces all"
            " stored ones. Only the organizer sees them.",
            **options,
        )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            if len(data) > _MOST_KEYS:
                self.fail("too_many")
            if not all(isinstance(key, str) and _KEY.match(key) for key in data):
                self.fail("key")
        return super().to_internal_value(data)

    def describe(self) -> dict[str, Any]:
        """Return the rules of this field for the document, in JSON Schema."""
        return {
            "maxProperties": _MOST_KEYS,
            "propertyNames": {"pattern": _KEY.pattern.replace(r"\Z", "$")},
            "additionalProperties": {
                "type": "string",
                "maxLength": _LONGEST_VALUE,
                **self.child.describe(),
            },
        }
