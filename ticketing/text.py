"""What may stand in a line of text that people send us."""

import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# Cc: control characters. Cs: half of a surrogate pair. The bidirectional overrides can
# make one name look like another.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs"})
_REFUSED_CHARACTERS = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
)


def refuse_control_characters(text: str) -> None:
    """
    Accept a line of text: no control characters, no line breaks, no direction overrides.

    :raises ValidationError: if one is in it
    """
    for character in text:
        if (
            unicodedata.category(character) in _REFUSED_CATEGORIES
            or character in _REFUSED_CHARACTERS
        ):
            raise ValidationError(
                _("Control characters are not allowed here."), code="control_characters"
            )
