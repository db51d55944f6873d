"""QR codes as pictures: the same text gives the same bytes."""

from functools import lru_cache
from io import BytesIO
from typing import Final

import segno
from PIL import Image

# Pixels a module: a camera wants 3, so this carries far.
_SCALE: Final = 10
# Modules, by ISO/IEC 18004 (6.3.8).
_QUIET_ZONE: Final = 4
_DARK, _LIGHT = 0, 255
# ISO/IEC 18004 (7.8) tries all eight masks against patterns that confuse a reader. Most of our text
# is a signature, random under any mask; trying them would take four fifths of the time.
_MASK: Final = 3


# A worker stores a picture and then mails it.
@lru_cache(maxsize=256)
def render_png(code: str) -> bytes:
    """Return a QR code as PNG, 490 pixels wide."""
    return _draw_png(_encode(code))


def _encode(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m", boost_error=False, mask=_MASK)


def _draw_png(qr: segno.QRCode) -> bytes:
    # segno writes PNG too, pixel by pixel in Python; this is ten times quicker.
    rows = list(qr.matrix_iter(border=_QUIET_ZONE))
    modules = bytes(_DARK if dark else _LIGHT for row in rows for dark in row)
    side = len(rows)
    small = Image.frombytes("L", (side, side), modules)
    large = small.resize((side * _SCALE, side * _SCALE), Image.Resampling.NEAREST)
    picture = BytesIO()
    large.convert("1", dither=Image.Dither.NONE).save(picture, "png")
    return picture.getvalue()
