"""What may stand in a line of text that people send us."""

import re
import unicodedata
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# The name of an event in addresses.
LONGEST_SLUG: Final = 80
# Control characters (Unicode's Cc), and those that break a line or change its direction: they can
# make one name look like another.
_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
# What `str.strip` takes away, less the control characters among it.
_BLANK: Final = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# The rules for text as the API's document has them, and as the fields check them.
TEXT: Final = r"^[^\u0000]*$"
LINE: Final = rf"^[^{_CONTROL}]*$"
LINE_NOT_BLANK: Final = rf"^[{_BLANK}]*[^{_BLANK}{_CONTROL}][^{_CONTROL}]*$"
# A text to search by: blank, or two characters in a row that are neither blanks nor signs of ASCII.
SEARCH: Final = (
    rf"^([{_BLANK}]*|[^\u0000]*[^\u0000-/:-@\[-`{{-\u00a0{_BLANK}{_CONTROL}]{{2}}[^\u0000]*)$"
)
# No JSON of ours has half of a surrogate pair; a form may.
_REFUSED: Final = re.compile(rf"[{_CONTROL}\ud800-\udfff]")

# A sentence of an advertisement needs an address to lead to. These endings make one of a word
# alone; after a word, a slash, a port or a query does too, with any ending of two letters.
_ENDINGS_IN_A_ROW = """
    academy agency ai app art asia au bar be beer best bet bid biz blog br business buzz ca cash
    casino cat cc center ch chat cl click cloud club cn co coffee com company cool coupons credit
    cz date dating deals dev digital discount dk download edu email events eu exchange express fi
    finance fit fm fr fun fund game games gg gives gl global gmbh gov group guru health help host
    how icu inc info ink int io jobs jp kr life link live loan loans lol ltd ly marketing media mil
    mobi money monster mx net network news nl nz one online ooo org page partners party pics pl
    plus poker press pro promo pt pub quest racing rent rest review rip rocks ru run sale sbs
    school se services sex shop show site skin social solutions space store stream studio support
    surf systems tech tel tickets tips today tools top tours town toys trade travel tube tv ua uk
    us vc vegas video vip wang watch web webcam website wiki win wine work works world wtf ws xxx
    xyz zone
"""
_ENDINGS = frozenset(_ENDINGS_IN_A_ROW.split())
# These are also how a name goes on after a dot, as in "Jr.de Souza" or "Ltda.ME": they count
# after a longer word, or one with a digit or a hyphen in it.
_ENDINGS_OR_PARTICLES = frozenset(
    ("de", "do", "es", "in", "is", "it", "la", "me", "no", "sa", "sc", "st", "to")
)
_SHORTEST_WORD = 2
_SHORTEST_WORD_BEFORE_A_PARTICLE, _AND_AFTER_ANOTHER = 5, 3
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_SCHEME = re.compile(r"[a-z]:/|\bwww\d?\.\w|\bxn--")
_HOST = re.compile(
    r"(?P<first>(?:[\w-]+\.)*)(?P<word>[\w-]+)\.(?P<ending>[^\W\d_]{2,})\.?(?P<more>[/?#:]\S)?"
)


def refuse_control_characters(text: str) -> None:
    """
    Accept a line of text: no control characters, no line breaks, no direction overrides.

    :raises ValidationError: if one is in it
    """
    if _REFUSED.search(text):
        raise ValidationError(
            _("Control characters are not allowed here."), code="control_characters"
        )


def has_web_address(text: str) -> bool:
    """
    Say whether a mail program could make a link of some part of a text.

    Initials and abbreviations are none: "J. R. Silva", "Ana M.Souza", "D.Sc. Ana", "Ltda.".
    """
    if "." not in text and ":" not in text and text.isascii():
        return False
    plain = unicodedata.normalize("NFKC", text).translate(_DOTS).casefold()
    # Invisible characters would hide an address from this check, but not from readers.
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    if _SCHEME.search(plain):
        return True
    return any(_is_host(found) for found in _HOST.finditer(plain))


def refuse_web_addresses(text: str) -> None:
    """
    Accept a name, which goes into mails, and no advertisement.

    :raises ValidationError: if there is a web address in it
    """
    if has_web_address(text):
        raise ValidationError(_("A name has no web address in it."), code="web_address")


def _is_host(found: re.Match[str]) -> bool:
    word, ending = found["word"], found["ending"]
    if found["more"]:
        return ending in _ENDINGS or len(ending) == 2  # noqa: PLR2004 - a country's
    if ending in _ENDINGS_OR_PARTICLES:
        shortest = _AND_AFTER_ANOTHER if found["first"] else _SHORTEST_WORD_BEFORE_A_PARTICLE
        return len(word) >= shortest or bool(re.search(r"[\d-]", word))
    return ending in _ENDINGS and len(word) >= _SHORTEST_WORD
