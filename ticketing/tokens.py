"""Bearer tokens: made once, shown once, kept as a digest."""

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

# 256 bits: nobody guesses one, so a plain digest without salt is enough to keep.
_RANDOM_BYTES = 32
_HINT_LENGTH = 8


class TokenKind(StrEnum):
    """Whose token it is. Its value is the prefix."""

    ORDER = "ord_"
    DEVICE = "dev_"
    API = "api_"


# Of the code by which a phone becomes a device. No bearer token: it opens nothing by itself.
PAIRING_PREFIX = "pair_"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token on its way to its owner. `text` is never stored."""

    text: str
    digest: str
    hint: str


def make_token(kind: TokenKind) -> NewToken:
    """Return a fresh token of `kind`."""
    return describe_token(kind.value + secrets.token_urlsafe(_RANDOM_BYTES))


def make_pairing_code() -> NewToken:
    """Return a fresh code for one phone."""
    return describe_token(PAIRING_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES))


def describe_token(text: str) -> NewToken:
    """Return a token that was made elsewhere, with what is kept of it."""
    return NewToken(text=text, digest=digest_token(text), hint=text[:_HINT_LENGTH])


def digest_token(text: str) -> str:
    """Return the SHA-256 of a token in hexadecimal: the only form that is kept."""
    return hashlib.sha256(text.encode()).hexdigest()
