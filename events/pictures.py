"""Pictures of events: check an upload, cut it to size, and store it where everybody can see it."""

import secrets
from datetime import datetime
from io import BytesIO
from typing import IO, Final
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from PIL import Image, ImageOps

from events.changes import EventNotEditable
from events.models import Event, EventStatus
from events.organizing import change_event
from events.uploaded_pictures import open_picture
from ticketing.actors import Actor
from ticketing.errors import Invalid

# Widths in pixels: for a list on a phone, for a page, and for a large screen.
WIDTHS: Final = (400, 800, 1600)
# The shape of all pictures: nothing moves on a page while they load.
_SHAPE: Final = (16, 9)
_SMALLEST: Final = (800, 450)
_QUALITY: Final = 82
_WHITE: Final = (255, 255, 255)


class PictureTooSmall(Invalid):
    """The picture has too few pixels."""

    code = "picture_too_small"
    title = "The picture is too small"


def set_picture(
    *, event_id: UUID, upload: IO[bytes], focus: tuple[float, float], actor: Actor, now: datetime
) -> None:
    """
    Store a picture in all widths, and make it the picture of an event.

    `focus` says what stays of a picture that is too wide (0 the left, 0.5 the middle, 1 the right),
    and of one that is too high (0 the top, 1 the bottom). Only its pixels are kept: places and
    other data in the file are dropped. Older pictures stay in the store, because mails and other
    events may show them.

    :raises UnreadablePicture, PictureTooSmall, PictureTooLarge: if the file cannot be used
    :raises EventNotEditable: if the event was cancelled
    """
    event = Event.objects.get(pk=event_id)
    if event.status == EventStatus.CANCELLED:
        raise EventNotEditable(f"{event.name} was cancelled. Create a new event instead.")
    key = secrets.token_urlsafe(16)
    for width, content in _render(upload, focus).items():
        storages["tickets"].save(object_name(key, width), ContentFile(content))
    change_event(
        event_id=event_id,
        fields={"image_url": f"{settings.PUBLIC_URL}/pictures/{key}/{WIDTHS[-1]}.jpg"},
        ticket_types=None,
        actor=actor,
        now=now,
    )


def own_picture(event: Event, width: int) -> str:
    """Return the address of an event's picture in one of `WIDTHS`, or "" if it was not uploaded."""
    prefix = f"{settings.PUBLIC_URL}/pictures/"
    if not event.image_url.startswith(prefix):
        return ""
    return f"{event.image_url.rpartition('/')[0]}/{width}.jpg"


def object_name(key: str, width: int) -> str:
    """Return the name of a picture in S3. `key` is random: nobody can guess it."""
    return f"pictures/{key}/{width}.jpg"


def _render(upload: IO[bytes], focus: tuple[float, float]) -> dict[int, bytes]:
    picture = _flatten(open_picture(upload, enough=2 * WIDTHS[-1]))
    if picture.width < _SMALLEST[0] or picture.height < _SMALLEST[1]:
        raise PictureTooSmall(
            f"It has {picture.width} × {picture.height} pixels. It needs {_SMALLEST[0]} ×"
            f" {_SMALLEST[1]} or more."
        )
    wide, high = _SHAPE
    rendered = {}
    for width in WIDTHS:
        # A smaller picture is not blown up.
        most = min(width, picture.width, picture.height * wide // high)
        size = (most, most * high // wide)
        fitted = ImageOps.fit(picture, size, Image.Resampling.LANCZOS, centering=focus)
        rendered[width] = _encode(fitted)
    return rendered


def _flatten(picture: Image.Image) -> Image.Image:
    """Return the picture without transparency, on white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    pixels = picture.convert("RGBA")
    flat = Image.new("RGB", pixels.size, _WHITE)
    flat.paste(pixels, mask=pixels.getchannel("A"))
    return flat


def _encode(picture: Image.Image) -> bytes:
    # A new image has no comments and no other data of the file.
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    encoded = BytesIO()
    clean.save(encoded, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return encoded.getvalue()
