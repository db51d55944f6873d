"""Keep a spreadsheet from running a cell as a formula."""

import re
from typing import Final

# A spreadsheet runs a cell that begins with one of these as a formula (OWASP, CSV injection). Some
# spreadsheets also split cells at a semicolon, and some read full-width signs as ASCII signs.
_SIGNS: Final = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_FORMULA: Final = re.compile(rf"(^|;)(?=[{_SIGNS}])")
_FORMULA_AT_START: Final = re.compile(rf"^[{_SIGNS}]")


def neutralize_formula(text: str) -> str:
    """Return the text with an apostrophe before each part that could run as a formula."""
    return _FORMULA.sub(r"\1'", text)


def looks_like_formula(text: str) -> bool:
    """Return whether a spreadsheet could run the text as a formula after a user edits the cell."""
    return bool(_FORMULA_AT_START.match(text))
