"""Removing secrets and personal data from log lines and spans."""

import re
from typing import Final

_HIDDEN: Final = "…"
_LONG_WORD: Final = r"[A-Za-z0-9_-]{16,}"
# Each pattern is bounded or begins with a fixed word, so that its time grows linearly.
_SECRETS: Final = (
    # At least 16 characters, because names such as `api_settings` begin alike.
    (
        re.compile(rf"(?<![A-Za-z0-9])(ord|dev|api|tok|cnf|pair|inv|trf|lnk|fnd)_{_LONG_WORD}"),
        rf"\1_{_HIDDEN}",
    ),
    (re.compile(r"whsec_[A-Za-z0-9+/=_-]+"), f"whsec_{_HIDDEN}"),
    (re.compile(r"\b(Bearer|Basic)(\s+|%20)[^\s\"',\\]+", re.IGNORECASE), rf"\1 {_HIDDEN}"),
    # The mailed link of a forgotten password: the user, and a token that Django makes.
    (re.compile(r"/admin/reset/[\w-]{1,64}/[\w-]+"), f"/admin/reset/{_HIDDEN}"),
    # The text of a QR code is base45, whose alphabet includes the space and the colon.
    (re.compile(r"T1(?::|%3A)[0-9A-Z $%*+./:-]{8,}"), f"T1:{_HIDDEN}"),
    # The password in the URL of a database or a broker.
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
    """Return `text` without tokens, passwords, email addresses and codes of tickets."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
