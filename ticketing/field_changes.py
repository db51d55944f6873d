"""What a change has changed: fields with their values before and after, for the record of acts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.text import Truncator

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class FieldChange:
    """
    A field, and its values before and after. `of` names the row if it belongs to the subject.

    No value may be a secret, or personal data of a buyer: acts are never deleted.
    """

    field: str
    before: Any
    after: Any
    of: str = ""


def details_of(changes: Iterable[FieldChange]) -> dict[str, Any]:
    """Return changes as the details of an act, sorted, with long texts cut."""
    return {
        "changes": [
            {
                "field": change.field,
                "of": change.of,
                "from": _text(change.before),
                "to": _text(change.after),
            }
            for change in sorted(changes, key=lambda change: (change.of, change.field))
        ]
    }


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set):
        return ", ".join(sorted(_text(each) for each in value))
    return Truncator(str(value)).chars(_LONGEST)
