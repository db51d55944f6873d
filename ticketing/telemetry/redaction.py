"""What no line of a log and no span may tell, wherever it stands: secrets, and who somebody is."""

import re
from typing import Final

_HIDDEN: Final = "…"
_LONG_WORD: Final = r"[A-Za-z0-9_-]{16,}"
# Each is bounded or begins with a fixed word, so that a long line costs no more than its length.
_SECRETS: Final = (
    # Longer than the names of our own functions that begin alike.
    (re.compile(rf"(?<![A-Za-z0-9])(ord|dev|api|tok|cnf|pair)_{_LONG_WORD}"), rf"\1_{_HIDDEN}"),
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]+"), f"whsec_{_HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)(\s+|%20)[^\s\"',\\]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    # The text of a QR code is base45, which has a space and a colon of its own.
    (re.compile(r"T1(?::|%3A)[0-9A-Z $%*+./:-]{8,}"), f"T1:{_HIDDEN}"),
    # The password of a database's or a broker's address.
    (re.compile(r"(://[^\s:/@]{0,64}):[^\s/@]{1,128}@"), rf"\1:{_HIDDEN}@"),
    (
        re.compile(
            r"[^\s@<>()\[\]{}\"',;:=/\\]{0,64}[{}\"'=/]?(?:@|%40)"
            r"(?:[^\s@<>()\[\]{}\"',;:=/\\.]{1,63}\.\w(?:[\w.-]{0,252}\w)?|\[[^\s\]]{1,64}\])"
        ),
        f"{_HIDDEN}@{_HIDDEN}",
    ),
)


def redact_text(text: str) -> str:
    """Return `text` without tokens, passwords, mail addresses and the codes of tickets."""
    for secret, instead in _SECRETS:
        text = secret.sub(instead, text)
    return text
