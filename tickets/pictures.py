"""QR codes as pictures: the same text gives the same bytes."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import segno

_SCALE = 10
_QUIET_ZONE = 4
# ISO/IEC 18004 (7.8) tries all eight masks against patterns that confuse a reader. Most of our text
# is a signature, random under any mask; trying them would take four fifths of the time.
_MASK: Final = 3


@dataclass(frozen=True, slots=True)
class Pictures:
    """One code, drawn for screens and for print."""

    png: bytes
    svg: bytes


def draw_code(code: str) -> Pictures:
    """Return a QR code as PNG and as SVG."""
    qr = _encode(code)
    return Pictures(_save(qr, "png"), _save(qr, "svg"))


def render_png(code: str) -> bytes:
    """Return a QR code as PNG, 490 pixels wide: a camera wants 3 a module, so this carries far."""
    return _save(_encode(code), "png")


def _encode(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m", boost_error=False, mask=_MASK)


def _save(qr: segno.QRCode, kind: str) -> bytes:
    picture = BytesIO()
    qr.save(picture, kind=kind, scale=_SCALE, border=_QUIET_ZONE)
    return picture.getvalue()
