"""QR codes as pictures: the same text gives the same bytes."""

from io import BytesIO

import segno

_SCALE = 10
_QUIET_ZONE = 4


def render_png(code: str) -> bytes:
    """Return a QR code as PNG, 490 pixels wide: a camera wants 3 a module, so this carries far."""
    return _render(code, "png")


def render_svg(code: str) -> bytes:
    """Return a QR code as SVG, for print."""
    return _render(code, "svg")


def _render(code: str, kind: str) -> bytes:
    picture = BytesIO()
    qr = segno.make(code, error="m", boost_error=False)
    qr.save(picture, kind=kind, scale=_SCALE, border=_QUIET_ZONE)
    return picture.getvalue()
