"""The color of an organizer on its pages: adjusted so that everybody can read it."""

import colorsys
from typing import Final

from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

COLOR: Final = RegexValidator(
    r"^#[0-9A-Fa-f]{6}\Z", _("Write a color such as #B83A27: a # and six digits or letters A to F.")
)
# WCAG 2.2 AA, for text of normal size.
_CONTRAST: Final = 4.5
# The backgrounds of `shop.css` on which the accent is text, light and dark: the harder one of each.
_LIGHT_BACK, _DARK_BACK = (0xF6, 0xF4, 0xF0), (0x1F, 0x23, 0x29)
_WHITE, _INK = (0xFF, 0xFF, 0xFF), (0x14, 0x16, 0x1A)
_STEP: Final = 0.01
_CACHED_FOR: Final = "public, max-age=31536000, immutable"

Rgb = tuple[int, int, int]


def show_accent(request: HttpRequest, color: str) -> HttpResponse:
    """
    Return a stylesheet that makes `color` (six hexadecimal digits) the accent of a page.

    It is for light and dark pages, or with `?theme=` for one of them.
    """
    chosen = _read(color)
    light = f":root{{{_variables(_legible(chosen, _LIGHT_BACK))}}}"
    dark = f":root{{{_variables(_legible(chosen, _DARK_BACK))}}}"
    rules = {"light": light, "dark": dark}.get(
        request.GET.get("theme", ""), f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
    )
    return HttpResponse(rules, content_type="text/css", headers={"Cache-Control": _CACHED_FOR})


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast of two colors by WCAG, from 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _legible(color: Rgb, back: Rgb) -> Rgb:
    """Return the color, made darker or brighter until it can be read on `back`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in color))
    step = -_STEP if _luminance(back) > _luminance(_INK) + 0.3 else _STEP
    while contrast(color, back) < _CONTRAST and 0 <= lightness <= 1:
        lightness += step
        red, green, blue = colorsys.hls_to_rgb(hue, min(1, max(0, lightness)), saturation)
        color = (round(red * 255), round(green * 255), round(blue * 255))
    return color


def _variables(accent: Rgb) -> str:
    on_accent = max((_WHITE, _INK), key=lambda text: contrast(text, accent))
    return f"--accent:{_write(accent)};--on-accent:{_write(on_accent)}"


def _luminance(color: Rgb) -> float:
    linear = [
        part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - WCAG
        for part in color
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _read(color: str) -> Rgb:
    red, green, blue = bytes.fromhex(color)
    return red, green, blue


def _write(color: Rgb) -> str:
    return f"#{bytes(color).hex()}"
