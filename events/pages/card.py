"""The picture of an event for links in messengers: its name, date and place on a plain card."""

import hashlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response
from PIL import Image, ImageDraw, ImageFont

from events.event_cache import take_event_named
from events.models import EventStatus
from events.wording import show_start
from ticketing.pages.shop import language_for

# What Open Graph recommends.
_SIZE: Final = (1200, 630)
_MARGIN: Final = 90
_BACK, _INK, _SOFT, _ACCENT = "#f6f4f0", "#17191d", "#5b616b", "#b83a27"
_MOST_LINES: Final = 3
# Raised when the card is drawn in another way.
_DESIGN: Final = "1"
_CACHED_FOR: Final = "public, max-age=3600"


def show_card(request: HttpRequest, slug: str) -> HttpResponse:
    """
    Return the card as PNG, in the language of `?lang=` or of the reader.

    :raises Http404: if there is no such event, or it is a draft
    """
    cached = take_event_named(slug)
    if cached is None or cached.event.slug != slug or cached.event.status == EventStatus.DRAFT:
        raise Http404
    event = cached.event
    with translation.override(language_for(request)):
        start = show_start(event)
        # The zone is left out: who reads the card opens the page.
        words = (event.name, f"{start['day']}, {start['hour']}", f"{event.venue}, {event.city}")
    etag = hashlib.blake2b("\0".join([_DESIGN, *words]).encode(), digest_size=12).hexdigest()
    response = HttpResponse(content_type="image/png")
    response.headers["ETag"] = f'"{etag}"'
    response.headers["Cache-Control"] = _CACHED_FOR
    response.headers["Vary"] = "Accept-Language, Cookie"
    conditional = get_conditional_response(request, etag=f'"{etag}"', response=response)
    if conditional is not None and conditional is not response:
        conditional.headers["Cache-Control"] = _CACHED_FOR
        return conditional
    response.content = _draw(*words)
    return response


@lru_cache(maxsize=64)
def _draw(name: str, when: str, where: str) -> bytes:
    card = Image.new("RGB", _SIZE, _BACK)
    draw = ImageDraw.Draw(card)
    draw.rectangle((0, 0, 24, _SIZE[1]), fill=_ACCENT)
    draw.text((_MARGIN, 70), "Bilheteria", font=_font("Bold", 34), fill=_ACCENT)
    bold = _font("Bold", 84)
    lines = _wrap(name, bold)
    if len(lines) > 2:  # noqa: PLR2004 - three lines need smaller letters
        bold = _font("Bold", 64)
        lines = _wrap(name, bold)
    height = int(bold.size * 1.2)
    top = 165
    for line in lines:
        draw.text((_MARGIN, top), line, font=bold, fill=_INK)
        top += height
    for number, text in enumerate((when, where)):
        fitted = _wrap(text, _font("Regular", 40))[0]
        draw.text((_MARGIN, 475 + 58 * number), fitted, font=_font("Regular", 40), fill=_SOFT)
    encoded = BytesIO()
    card.quantize(64).save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _wrap(text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    """Return the lines of a text, three at most. A word that is too long is cut."""
    width = _SIZE[0] - 2 * _MARGIN
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) == _MOST_LINES:
            lines[-1] = _cut(f"{longer}…", font, width)
            break
        elif lines[-1]:
            lines.append(_cut(word, font, width))
        else:
            lines[-1] = _cut(word, font, width)
    return lines


def _cut(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while text and font.getlength(text) > width:
        text = f"{text.rstrip('…')[:-1]}…"
    return text


@lru_cache(maxsize=8)
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    folder = Path(settings.BASE_DIR) / "ticketing" / "fonts"
    return ImageFont.truetype(folder / f"NotoSans-{weight}.ttf", size)
