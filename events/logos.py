"""Logos of organizers: check an upload, make it legible on every background, and store it."""

import logging
import secrets
import time
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from typing import IO, Any, Final
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction
from PIL import Image

from events.models import Organizer
from events.uploaded_pictures import UnreadablePicture, open_picture
from ticketing.actors import Actor, record_act
from ticketing.errors import Invalid
from ticketing.field_changes import FieldChange, details_of
from ticketing.models import ActType
from ticketing.pages.accent import Rgb, contrast

logger = logging.getLogger(__name__)

# The place of a logo on a page, in CSS pixels. A logo fills its width or its height.
_PLACE: Final = (192, 48)
# Stored sizes, as multiples of the place: for screens, and for paper.
FOR_SCREENS, FOR_PAPER = 2, 6
_SIZES: Final = (FOR_SCREENS, FOR_PAPER)
# Around a logo without a background of its own, as a part of its height.
_PADDING: Final = 0.14
_WHITE, _DARK = (0xFF, 0xFF, 0xFF), (0x17, 0x19, 0x1D)
# Pixels with less contrast than this cannot be told from the background.
_VISIBLE: Final = 1.5
# So much of a logo may vanish: soft edges, and small highlights.
_VANISHING: Final = 0.02
_SAMPLE: Final = (96, 96)
_OPAQUE: Final = 128
_INVISIBLE: Final = 8
# A process keeps what it has read for so long: also that the store was away, so that documents go
# without a logo for a while instead of waiting for it one after another.
_KEPT_SECONDS: Final = 60


class LogoTooSmall(Invalid):
    """The logo has too few pixels."""

    code = "logo_too_small"
    title = "The logo is too small"


def set_logo(*, organizer_id: UUID, upload: IO[bytes], actor: Actor, now: datetime) -> None:
    """
    Store a logo in all sizes, and make it the logo of an organizer.

    A transparent logo gets a white or a dark background, whichever hides less of it. So it can be
    read on light and dark pages, in mails and on paper. Older logos stay in the store, because
    mails show them.

    :raises UnreadablePicture, PictureTooLarge, LogoTooSmall: if the file cannot be used
    """
    most = max(_PLACE) * max(_SIZES)
    logo = _on_plate(open_picture(upload, enough=most).convert("RGBA"))
    width, height = _fit(logo.size, _PLACE)
    if logo.width < FOR_SCREENS * width and logo.height < FOR_SCREENS * height:
        raise LogoTooSmall(
            f"It has {logo.width} × {logo.height} pixels. It needs to be"
            f" {FOR_SCREENS * _PLACE[0]} pixels wide or {FOR_SCREENS * _PLACE[1]} pixels high."
        )
    key = secrets.token_urlsafe(16)
    for size in _SIZES:
        storages["tickets"].save(logo_name(key, size), ContentFile(_encode(logo, size)))
    _write(organizer_id, {"logo": key, "logo_width": width, "logo_height": height}, actor, now)


def remove_logo(*, organizer_id: UUID, actor: Actor, now: datetime) -> None:
    """Show the organizer's pages without a logo again. A repeat changes nothing."""
    _write(organizer_id, {"logo": "", "logo_width": None, "logo_height": None}, actor, now)


def logo_name(key: str, size: int) -> str:
    """Return the name of a logo in S3. `key` is random: nobody can guess it."""
    return f"pictures/{key}/logo-{size}x.png"


def logo_address(organizer: Organizer) -> str:
    """Return the address of an organizer's logo for screens, or "" if it has none."""
    if not organizer.logo:
        return ""
    return f"{settings.PUBLIC_URL}/pictures/{organizer.logo}/logo-{FOR_SCREENS}x.png"


def read_logo(organizer: Organizer) -> bytes:
    """
    Return an organizer's logo as PNG for paper, or b"" if it has none or the store is away.

    A ticket without a logo is better than none. It reads from S3: no transaction may be open.
    """
    if not organizer.logo:
        return b""
    return _read(organizer.logo, int(time.monotonic() // _KEPT_SECONDS))


@lru_cache(maxsize=64)
def _read(key: str, _minute: int) -> bytes:
    try:
        with storages["tickets"].open(logo_name(key, FOR_PAPER)) as file:
            content: bytes = file.read()
    except (BotoCoreError, ClientError, OSError) as error:
        logger.warning("A logo could not be read: %s.", type(error).__name__)
        return b""
    return content


@transaction.atomic
def _write(organizer_id: UUID, fields: dict[str, Any], actor: Actor, now: datetime) -> None:
    organizer = Organizer.objects.select_for_update().get(pk=organizer_id)
    change = FieldChange("logo", organizer.logo, fields["logo"])
    if change.before == change.after:
        return
    Organizer.objects.filter(pk=organizer_id).update(**fields)
    record_act(
        act=ActType.ORGANIZER_CHANGED,
        actor=actor,
        subject_id=organizer_id,
        organizer_id=organizer_id,
        at=now,
        details=details_of([change]),
    )


def _on_plate(logo: Image.Image) -> Image.Image:
    """Return the logo without transparency: cut to what is visible, on a legible background."""
    alpha = logo.getchannel("A")
    if alpha.getextrema()[0] == 255:  # noqa: PLR2004 - opaque
        return logo.convert("RGB")
    # Nearly transparent pixels are invisible, and would keep a wide margin.
    box = alpha.point(lambda value: 255 if value > _INVISIBLE else 0).getbbox()
    if box is None:
        raise UnreadablePicture("All of it is transparent. Send a logo that can be seen.")
    logo = logo.crop(box)
    padding = round(logo.height * _PADDING) + 1
    size = (logo.width + 2 * padding, logo.height + 2 * padding)
    plate = Image.new("RGB", size, _background(logo))
    plate.paste(logo, (padding, padding), logo)
    return plate


def _background(logo: Image.Image) -> Rgb:
    """Return white, or a dark color if that hides less of a transparent logo."""
    sample = logo.copy()
    sample.thumbnail(_SAMPLE)
    parts = sample.tobytes()
    pixels = [tuple(parts[start : start + 4]) for start in range(0, len(parts), 4)]
    seen = [(red, green, blue) for red, green, blue, alpha in pixels if alpha >= _OPAQUE]

    def hidden(back: Rgb) -> float:
        return sum(contrast(pixel, back) < _VISIBLE for pixel in seen) / max(1, len(seen))

    on_white = hidden(_WHITE)
    return _WHITE if on_white <= _VANISHING or on_white <= hidden(_DARK) else _DARK


def _fit(size: tuple[int, int], place: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size of that shape that fits in a place, a pixel at least."""
    scale = min(room / side for side, room in zip(size, place, strict=True))
    width, height = (max(1, round(side * scale)) for side in size)
    return width, height


def _encode(logo: Image.Image, size: int) -> bytes:
    """Return the logo as PNG, in one of the stored sizes or smaller: it is not blown up."""
    width, height = _PLACE
    fitted = logo.copy()
    # A new image has no comments and no other data of the file.
    fitted.thumbnail((size * width, size * height), Image.Resampling.LANCZOS)
    clean = Image.new("RGB", fitted.size)
    clean.paste(fitted)
    encoded = BytesIO()
    clean.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()
