"""The letters of a PDF: a font with the letters of all European languages, and what fits a line."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from django.conf import settings
from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

# Noto Sans with the Latin, Greek and Cyrillic letters only, under the SIL Open Font License.
REGULAR: Final = "NotoSans-Regular"
BOLD: Final = "NotoSans-Bold"
_FOLDER: Final = Path(settings.BASE_DIR) / "ticketing" / "fonts"
_ELLIPSIS: Final = "…"
# Signs that the font lacks and that have a look-alike.
_LOOK_ALIKE: Final = str.maketrans({"\N{MINUS SIGN}": "\N{EN DASH}", "\N{NO-BREAK SPACE}": " "})
# Controls, joiners, private use: nothing to see.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
# Signs that say nothing without their picture: emoji, their colors and their accents.
_DECORATION: Final = frozenset({"Me", "Mn", "Sk", "So"})


@cache
def load_fonts() -> None:
    """Set reportlab up, once in a process: the fonts, with only the letters that a PDF uses."""
    # Binary files are a quarter smaller than those in base 85, which Python encodes slowly.
    rl_config.useA85 = 0
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, _FOLDER / f"{name}.ttf", asciiReadable=False))


def tidy(text: str) -> str:
    """
    Return a text as the font can draw it.

    Emoji that the font lacks and invisible signs are left out. Letters of other scripts stay: the
    font draws an empty box for each, so that the reader sees that something is missing.
    """
    composed = unicodedata.normalize("NFC", text).translate(_LOOK_ALIKE)
    return " ".join("".join(filter(_is_drawn, composed)).split())


def width_of(text: str, font: str, size: float) -> float:
    """Return the width of a text, in points as its `size` is."""
    width: float = pdfmetrics.stringWidth(text, font, size)
    return width


def shorten(text: str, font: str, size: float, width: float) -> str:
    """Return a text that fits a width: as it is, or its beginning and an ellipsis."""
    if width_of(text, font, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(text[:middle].rstrip() + _ELLIPSIS, font, size) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + _ELLIPSIS


def wrap(text: str, font: str, size: float, width: float, lines: int) -> list[str]:
    """Return a text in at most so many lines. What does not fit ends in an ellipsis."""
    words, space = text.split(), width_of(" ", font, size)
    widths = [width_of(word, font, size) for word in words]
    wrapped: list[str] = []
    first = 0
    while first < len(words) and len(wrapped) < lines - 1:
        end, used = first + 1, widths[first]
        while end < len(words) and used + space + widths[end] <= width:
            used += space + widths[end]
            end += 1
        wrapped.append(shorten(" ".join(words[first:end]), font, size, width))
        first = end
    if first < len(words):
        wrapped.append(shorten(" ".join(words[first:]), font, size, width))
    return wrapped


def _is_drawn(sign: str) -> bool:
    category = unicodedata.category(sign)
    if sign.isspace() or category in _INVISIBLE:
        return sign.isspace()
    known = pdfmetrics.getFont(REGULAR).face.charToGlyph
    return ord(sign) in known or category not in _DECORATION
