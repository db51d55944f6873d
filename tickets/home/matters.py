"""One thing that needs attention, and how counts and moments are written in its sentence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import formats, timezone

# Of each kind: more would push the rest of the page away, and the pages behind the links show all.
MOST: Final = 3
# Counted at most to here, so that a count cannot get slow.
MANY: Final = 100


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing to do: a sentence, a symbol's name, and a button that leads to its page."""

    icon: str
    text: str
    button: str
    url: str
    urgent: bool = False


def at_most(count: int) -> str:
    return f"{MANY - 1}+" if count >= MANY else str(count)


def show_moment(moment: datetime) -> str:
    return formats.date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
