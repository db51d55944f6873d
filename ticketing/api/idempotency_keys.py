"""What an `Idempotency-Key` may be."""

import re
from typing import ClassVar, Final

from rest_framework.request import Request

from ticketing.api.authentication import BearerToken
from ticketing.errors import Invalid

HEADER: Final = "Idempotency-Key"
SENT_HEADER: Final = "HTTP_IDEMPOTENCY_KEY"
_LONGEST_KEY: Final = 255
# Printable ASCII, bare or in quotes. The document has the same pattern.
KEY_PATTERN: Final = rf'^("[ -~]{{1,{_LONGEST_KEY}}}"|[!#-~][ -~]{{0,{_LONGEST_KEY - 1}}})$'
# Of a key that alone protects the stored response. The 32 digits of a UUID are enough, although
# six of its bits are fixed.
_BITS_NEEDED: Final = 128
_NO_BASE64: Final = re.compile(r"[^A-Za-z0-9+/_-]")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f\W_]+|[0-9A-F\W_]+")
# A random UUID has fewer different characters once in 10^9 times.
_FEWEST_CHARACTERS: Final = 8


class KeyNotValid(Invalid):
    """Empty, too long, or with characters that a header should not have."""

    code = "invalid_idempotency_key"
    title = "This is no Idempotency-Key"
    pointer = HEADER
    place: ClassVar[str] = "header"


class KeyTooWeak(Invalid):
    """
    A caller without a token sent a key that others could guess.

    Whoever sends the same key and body from the same address gets the first response.
    """

    code = "weak_idempotency_key"
    title = "This Idempotency-Key could be guessed"
    pointer = HEADER
    place: ClassVar[str] = "header"


def read_key(request: Request) -> str:
    """
    Return the key of a request that has one.

    :raises KeyNotValid: if it is no key
    :raises KeyTooWeak: if the caller has no token, and others could guess it
    """
    sent: str = request.META[SENT_HEADER].strip()
    if not re.fullmatch(KEY_PATTERN, sent):
        raise KeyNotValid(f"Send 1 to {_LONGEST_KEY} printable ASCII characters.")
    key = sent[1:-1] if sent.startswith('"') else sent
    if _is_anonymous(request) and not _is_unguessable(key):
        raise KeyTooWeak(
            "Without a token, send a random key of at least 128 bits: a random UUID, 32 hexadecimal"
            " digits, or 22 characters of base64url."
        )
    return key


def _is_anonymous(request: Request) -> bool:
    return not isinstance(request.auth, BearerToken) and not request.user.is_authenticated


def _is_unguessable(key: str) -> bool:
    """
    Say whether a key is long enough, for the alphabet that it is drawn from, to have 128 bits.

    Whether it was drawn at random, nobody can see; what repeats a few characters was not.
    """
    return len(set(key)) >= _FEWEST_CHARACTERS and _bits_of(key) >= _BITS_NEEDED


def _bits_of(key: str) -> int:
    letters_and_digits = sum(character.isalnum() for character in key)
    if _HEXADECIMAL.fullmatch(key):
        return 4 * letters_and_digits
    if key in (key.lower(), key.upper()):
        return 5 * letters_and_digits
    return 6 * len(_NO_BASE64.sub("", key))
