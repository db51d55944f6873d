"""Opening an uploaded picture: only known formats, and no more pixels than memory allows."""

from typing import IO, Final

from PIL import ExifTags, Image

from ticketing.errors import Invalid

# A decoded picture takes 3 bytes for each pixel. JPEG is decoded at a reduced size, other formats
# are not.
_MOST_PIXELS: Final = {"JPEG": 60_000_000, "PNG": 25_000_000, "WEBP": 25_000_000}
# What turns a picture upright, by its orientation as cameras write it (1 is upright).
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadablePicture(Invalid):
    """The file is not a JPEG, PNG or WebP picture, or it is damaged."""

    code = "unreadable_picture"
    title = "This is not a picture that we can read"


class PictureTooLarge(Invalid):
    """The picture has too many pixels to decode it."""

    code = "picture_too_large"
    title = "The picture has too many pixels"


def open_picture(upload: IO[bytes], *, enough: int) -> Image.Image:
    """
    Return a decoded picture, upright, in the mode of the file.

    :param enough: a side in pixels. A JPEG may be reduced, but not to less than this.
    :raises UnreadablePicture, PictureTooLarge: if the file cannot be used
    """
    try:
        picture = Image.open(upload, formats=list(_MOST_PIXELS))
        # Checked before any pixel is decoded: a small file can contain a huge picture.
        if picture.width * picture.height > _MOST_PIXELS[str(picture.format)]:
            raise PictureTooLarge("It has too many pixels. Make it smaller, and send it again.")
        picture.draft("RGB", (enough, enough))
        picture.load()
        # Only the orientation is read. Pillow's own function writes all fields again, and fails
        # with other errors at those that a camera or a program has written wrongly.
        turn = _TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
        return picture if turn is None else picture.transpose(turn)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow raises all of these for damaged files.
        raise UnreadablePicture("Send a JPEG, PNG or WebP picture.") from error
