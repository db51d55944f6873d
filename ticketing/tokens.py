"""Bearer tokens: generated, shown to their owner once, and stored as a digest."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

# 256 bits cannot be guessed, so a plain digest without salt is safe to store.
_RANDOM_BYTES = 32
_HINT_LENGTH = 8


class TokenKind(StrEnum):
    """The kind of owner of a token. The value is the prefix of the token."""

    ORDER = "ord_"
    DEVICE = "dev_"
    API = "api_"


# The prefix of a pairing code, by which a phone becomes a device. It is not a bearer token and
# gives no access by itself.
PAIRING_PREFIX = "pair_"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that its owner has not seen yet. `text` is never stored."""

    text: str
    digest: str
    hint: str


def make_token(kind: TokenKind) -> NewToken:
    """Return a new random token of `kind`."""
    return describe_token(kind.value + secrets.token_urlsafe(_RANDOM_BYTES))


def make_pairing_code() -> NewToken:
    """Return a new random code for pairing one phone."""
    return describe_token(PAIRING_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))


def describe_token(text: str) -> NewToken:
    """Return the given token with its digest and its hint, which are stored."""
    return NewToken(text=text, digest=digest_token(text), hint=text[:_HINT_LENGTH])


def digest_token(text: str) -> str:
    """Return the SHA-256 of a token in hexadecimal, the only form that is stored."""
    return hashlib.sha256(text.encode()).hexdigest()
