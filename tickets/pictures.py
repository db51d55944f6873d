"""Render QR codes as PNG, as SVG and as squares. The same text always gives the same ones."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from itertools import groupby
from typing import Final

import segno
from PIL import Image

# Pixels per module, which is one square of a QR code. A camera needs 3; more can be read from
# further away.
_SCALE: Final = 10
# The empty margin that ISO/IEC 18004 (6.3.8) requires, in modules.
_QUIET_ZONE: Final = 4
_DARK, _LIGHT = 0, 255
# ISO/IEC 18004 (7.8) tries all eight masks, to avoid patterns that confuse a reader. Most of a code
# is a signature, which is random under any mask, and trying them takes four fifths of the time.
_MASK: Final = 3


# The worker needs each picture twice within seconds: to store it, then to mail it.
@lru_cache(maxsize=256)
def render_png(code: str) -> bytes:
    """Return a QR code as PNG, 490 pixels wide."""
    return _draw_png(_encode(code))


def render_svg(code: str) -> str:
    """Return a QR code as SVG, to be put into a page."""
    svg: str = _encode(code).svg_inline(border=_QUIET_ZONE, omitsize=True, light="#fff")
    return svg


def squares_of(code: str) -> tuple[int, Sequence[tuple[int, int, int]]]:
    """
    Return the number of modules on a side, and the dark ones: the x, y and width of each run.

    They have no quiet zone. `y` counts downwards.
    """
    rows = _encode(code).matrix
    squares = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                squares.append((x, y, width))
            x += width
    return len(rows), squares


# A PNG and a PDF of the same code are made one after the other.
@lru_cache(maxsize=256)
def _encode(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m", boost_error=False, mask=_MASK)


def _draw_png(qr: segno.QRCode) -> bytes:
    # segno's own PNG writer loops over pixels in Python. Pillow is ten times faster.
    rows = list(qr.matrix_iter(border=_QUIET_ZONE))
    modules = bytes(_DARK if dark else _LIGHT for row in rows for dark in row)
    side = len(rows)
    small = Image.frombytes("L", (side, side), modules)
    large = small.resize((side * _SCALE, side * _SCALE), Image.Resampling.NEAREST)
    picture = BytesIO()
    large.convert("1", dither=Image.Dither.NONE).save(picture, "png")
    return picture.getvalue()
