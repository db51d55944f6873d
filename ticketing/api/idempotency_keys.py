"""Read and check the `Idempotency-Key` of a request."""

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
# For a key that alone protects a stored response. The 32 digits of a UUID count as 128 bits,
# although six of its bits are fixed.
_BITS_NEEDED: Final = 128
_NOT_BASE64: Final = re.compile(r"[^A-Za-z0-9+/_-]")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f\W_]+|[0-9A-F\W_]+")
# One random UUID in 10^9 has fewer different characters.
_FEWEST_CHARACTERS: Final = 8


class KeyNotValid(Invalid):
    """The key is empty, too long, or has characters that are not printable ASCII."""

    code = "invalid_idempotency_key"
    title = "This is not an Idempotency-Key"
    pointer = HEADER
    place: ClassVar[str] = "header"


class KeyTooWeak(Invalid):
    """
    A caller without a token sent a key that others could guess.

    Another caller with the same address, key and body would get the stored response.
    """

    code = "weak_idempotency_key"
    title = "This Idempotency-Key could be guessed"
    pointer = HEADER
    place: ClassVar[str] = "header"


def read_key(request: Request) -> str:
    """
    Return the key of a request that has the header.

    :raises KeyNotValid: if it is empty, too long or not printable ASCII
    :raises KeyTooWeak: if the caller has no token and others could guess the key
    """
    sent: str = request.META[SENT_HEADER].strip()
    if not re.fullmatch(KEY_PATTERN, sent):
        raise KeyNotValid(
            f"This is not a key. Send 1 to {_LONGEST_KEY} printable ASCII characters."
        )
    key = sent[1:-1] if sent.startswith('"') else sent
    if _is_anonymous(request) and not _is_unguessable(key):
        raise KeyTooWeak(
            "Others could guess this key. Without a token, send a random key of at least 128 bits:"
            " a random UUID, 32 hexadecimal digits, or 22 characters of base64url."
        )
    return key


def _is_anonymous(request: Request) -> bool:
    return not isinstance(request.auth, BearerToken) and not request.user.is_authenticated


def _is_unguessable(key: str) -> bool:
    """
    Say whether a key can have 128 random bits, by its length and its alphabet.

    Randomness itself cannot be checked; a key that repeats a few characters is refused.
    """
    return len(set(key)) >= _FEWEST_CHARACTERS and _bits_of(key) >= _BITS_NEEDED


def _bits_of(key: str) -> int:
    letters_and_digits = sum(character.isalnum() for character in key)
    if _HEXADECIMAL.fullmatch(key):
        return 4 * letters_and_digits
    if key in (key.lower(), key.upper()):
        return 5 * letters_and_digits
    return 6 * len(_NOT_BASE64.sub("", key))
