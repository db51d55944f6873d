"""Rules for text from users: no control characters, something to see, no addresses in names."""

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
# What `str.strip` removes, without its control characters.
_BLANK: Final = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
# What no reader sees: Unicode's Default_Ignorable_Code_Point, and what is drawn as nothing. Within
# a name it is legal: joiners and variation selectors are parts of Persian names and of emoji.
# Only up to U+FFFF: a range beyond it is a syntax error in JavaScript without the flag `u`.
_INVISIBLE: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065"
    r"\u206a-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
)
_UNSEEN: Final = _BLANK + _INVISIBLE
# Patterns for text. The API's fields check them, and the API's document shows them.
TEXT: Final = r"^[^\u0000]*$"
LINE: Final = rf"^[^{_CONTROL}]*$"
LINE_NOT_BLANK: Final = rf"^[{_UNSEEN}]*[^{_UNSEEN}{_CONTROL}][^{_CONTROL}]*$"
# Two characters in a row that are neither blanks nor ASCII signs, in any text.
_SEARCHED: Final = rf"[^\u0000]*[^\u0000-/:-@\[-`{{-\u00a0{_BLANK}{_CONTROL}]{{2}}[^\u0000]*"
# A search text: blank, or with two such characters.
SEARCH: Final = rf"^([{_BLANK}]*|{_SEARCHED})$"
SEARCH_NOT_BLANK: Final = rf"^{_SEARCHED}$"
_HOST_NAME: Final = r"([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+|localhost"
# The characters of RFC 3986, sections 3.3 to 3.5: others must be percent-encoded.
_OF_ADDRESS: Final = r"([A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
# An http or https URL in ASCII. Its host is a domain name or an IPv4 address.
WEB_ADDRESS: Final = (
    rf"^https?://({_HOST_NAME})(:[0-9]{{1,5}})?([/?]{_OF_ADDRESS})?(#{_OF_ADDRESS})?$"
)
# With lone surrogates: the JSON parser refuses them already, but a form may contain them.
_REFUSED: Final = re.compile(rf"[{_CONTROL}\ud800-\udfff]")
_ONLY_UNSEEN: Final = re.compile(rf"[{_UNSEEN}]*")

# Advertisements contain a web address. A word with one of these endings is one, such as `foo.com`.
# With a path, port or query behind it, any ending of two letters makes one, such as `foo.xy/a`.
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
# These endings also follow a dot in names, as in "Jr.de Souza" or "Ltda.ME". They make a web
# address only after a longer word, or a word with a digit or a hyphen in it.
_ENDINGS_OR_PARTICLES = frozenset(
    ("de", "do", "es", "in", "is", "it", "la", "me", "no", "sa", "sc", "st", "to")
)
_SHORTEST_WORD = 2
_SHORTEST_WORD_BEFORE_A_PARTICLE, _SHORTEST_WORD_AFTER_ANOTHER = 5, 3
_DOTS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})
_SCHEME = re.compile(r"[a-z]:/|\bwww\d?\.\w|\bxn--")
_HOST = re.compile(
    r"(?P<first>(?:[\w-]+\.)*)(?P<word>[\w-]+)\.(?P<ending>[^\W\d_]{2,})\.?(?P<more>[/?#:]\S)?"
)


def is_blank(text: str) -> bool:
    """Return whether a reader would see nothing of the text."""
    return _ONLY_UNSEEN.fullmatch(text) is not None


def check_line(text: str) -> None:
    """
    Refuse a line with control characters, line breaks or direction overrides, or a blank one.

    :raises ValidationError: if the text contains one, or no character that can be seen
    """
    if _REFUSED.search(text):
        raise ValidationError(
            _("Control characters are not allowed here."), code="control_characters"
        )
    if is_blank(text):
        raise ValidationError(_("Write something that can be seen."), code="blank")


# Its name in released migrations.
refuse_control_characters = check_line


def check_web_address(url: str) -> None:
    """
    Refuse an address that is not one by RFC 3986, as the API does.

    :raises ValidationError: if it is no http or https address
    """
    if not re.fullmatch(WEB_ADDRESS, url):
        raise ValidationError(
            _("Give an http or https address. Percent-encode its spaces and brackets."),
            code="web_address",
        )


def has_web_address(text: str) -> bool:
    """
    Return whether a mail program could make a link of a part of the text.

    Initials and abbreviations are not links: "J. R. Silva", "Ana M.Souza", "D.Sc. Ana", "Ltda.".
    """
    if "." not in text and ":" not in text and text.isascii():
        return False
    plain = unicodedata.normalize("NFKC", text).translate(_DOTS).casefold()
    # Invisible characters are removed: they would hide an address from this check only.
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    if _SCHEME.search(plain):
        return True
    return any(_is_host(found) for found in _HOST.finditer(plain))


def refuse_web_addresses(text: str) -> None:
    """
    Refuse a name with a web address: our mails would carry an advertisement to strangers.

    :raises ValidationError: if the name contains one
    """
    if has_web_address(text):
        raise ValidationError(
            _("A name must not contain a web address. Remove it."), code="web_address"
        )


def _is_host(found: re.Match[str]) -> bool:
    word, ending = found["word"], found["ending"]
    if found["more"]:
        return ending in _ENDINGS or len(ending) == 2  # noqa: PLR2004 - a country code
    if ending in _ENDINGS_OR_PARTICLES:
        shortest = (
            _SHORTEST_WORD_AFTER_ANOTHER if found["first"] else _SHORTEST_WORD_BEFORE_A_PARTICLE
        )
        return len(word) >= shortest or bool(re.search(r"[\d-]", word))
    return ending in _ENDINGS and len(word) >= _SHORTEST_WORD
