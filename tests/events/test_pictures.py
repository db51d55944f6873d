"""Pictures of events: what is accepted, what is stored, and who can see it."""

import struct
from io import BytesIO
from typing import Any

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image, ImageOps

from events.models import Event
from events.pictures import PictureTooSmall, own_picture, set_picture
from events.uploaded_pictures import PictureTooLarge, UnreadablePicture, open_picture
from tests.make import SOMEBODY, make_event, make_organizer
from tests.pages.test_admin import organizer_of, sign_in
from ticketing import clock

pytestmark = pytest.mark.django_db(transaction=True)

RED, BLUE = (220, 20, 20), (20, 20, 220)


def picture(size: tuple[int, int] = (2000, 2000), kind: str = "JPEG", **options: Any) -> bytes:
    """Return a picture whose upper half is red and whose lower half is blue."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (0, size[1] // 2, *size))
    encoded = BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


def store(event: Event, content: bytes, focus: tuple[float, float] = (0.5, 0.5)) -> None:
    set_picture(
        event_id=event.pk, upload=BytesIO(content), focus=focus, actor=SOMEBODY, now=clock.now()
    )
    event.refresh_from_db()


def stored(event: Event, width: int) -> Image.Image:
    name = own_picture(event, width).partition("/pictures/")[2]
    with storages["tickets"].open(f"pictures/{name}") as file:
        return Image.open(BytesIO(file.read()))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_stored_in_three_sizes_of_one_shape(kind: str):
    event = make_event()

    store(event, picture(kind=kind))

    for width in (400, 800, 1600):
        found = stored(event, width)
        assert (found.format, found.size) == ("JPEG", (width, width * 9 // 16))
    assert event.image_url.endswith("/1600.jpg")


@pytest.mark.parametrize(
    ("size", "largest"),
    [((900, 900), (900, 506)), ((3000, 600), (1066, 599)), ((800, 450), (800, 450))],
)
def test_a_smaller_picture_is_not_blown_up(size: tuple[int, int], largest: tuple[int, int]):
    event = make_event()

    store(event, picture(size))

    assert stored(event, 1600).size == largest


def test_what_is_transparent_becomes_white_and_the_rest_keeps_its_color():
    event, encoded = make_event(), BytesIO()
    image = Image.new("RGBA", (1600, 900), (*RED, 0))
    image.paste((0, 0, 0, 255), (0, 0, 800, 900))
    image.save(encoded, "PNG")

    store(event, encoded.getvalue())

    colors = [stored(event, 400).getpixel((left, 112)) for left in (100, 300)]
    assert colors == [(0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize(
    ("is_wide", "focus", "color"),
    [
        (False, (0.5, 0), RED),
        (False, (0.5, 1), BLUE),
        (True, (0, 0.5), RED),
        (True, (1, 0.5), BLUE),
    ],
)
def test_the_focus_says_what_stays(
    *, is_wide: bool, focus: tuple[float, float], color: tuple[int, int, int]
):
    event = make_event()
    content = picture((1600, 3200))
    if is_wide:
        turned = BytesIO()
        Image.open(BytesIO(content)).transpose(Image.Transpose.ROTATE_90).save(turned, "JPEG")
        content = turned.getvalue()

    store(event, content, focus)

    pixel = stored(event, 400).getpixel((200, 112))
    assert max(abs(a - b) for a, b in zip(pixel, color, strict=True)) < 12  # type: ignore[arg-type]


def test_data_about_the_place_and_comments_are_dropped_and_the_picture_is_upright():
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x010E] = "Rua Augusta 1"
    event = make_event()

    store(event, picture(exif=exif, comment=b"secret"))

    found = stored(event, 800)
    assert not found.getexif()
    assert "comment" not in found.info
    # Orientation 3 is upside down: the blue half is on top.
    red, _, blue = found.getpixel((400, 20))  # type: ignore[misc]
    assert blue > red


@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_as_its_camera_says(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = picture((9, 5), "PNG", exif=exif)

    found = open_picture(BytesIO(file), enough=9)

    upright = ImageOps.exif_transpose(Image.open(BytesIO(file)))
    assert (found.size, found.tobytes()) == (upright.size, upright.tobytes())


def test_wrong_data_about_the_camera_does_not_spoil_a_picture():
    # Orientation 6, and a width and a resolution that are text.
    fields = [(0x0100, 2, 4, b"abc\0"), (0x0112, 3, 1, b"\0\6\0\0"), (0x011A, 2, 4, b"abc\0")]
    entries = b"".join(struct.pack(">HHI", *field[:3]) + field[3] for field in fields)
    exif = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, len(fields)) + entries + bytes(4)

    found = open_picture(BytesIO(picture((9, 5), "PNG", exif=exif)), enough=9)

    assert found.size == (5, 9)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnreadablePicture),
        (b"", UnreadablePicture),
        (picture()[:5000], UnreadablePicture),
        (picture(kind="BMP"), UnreadablePicture),
        (picture((799, 450)), PictureTooSmall),
        (picture((800, 449)), PictureTooSmall),
        (picture((6000, 5000), "PNG"), PictureTooLarge),
    ],
)
def test_what_is_no_usable_picture_is_refused_and_changes_nothing(
    content: bytes, refusal: type[Exception]
):
    event = make_event()

    with pytest.raises(refusal):
        store(event, content)

    event.refresh_from_db()
    assert event.image_url == ""


def test_a_picture_of_the_most_pixels_is_decoded():
    encoded = BytesIO()
    Image.new("L", (5000, 5000)).save(encoded, "PNG", compress_level=1)

    assert open_picture(encoded, enough=800).size == (5000, 5000)


def test_the_address_of_a_picture_leads_to_the_store_and_may_be_cached():
    event = make_event()
    store(event, picture())
    path = "/pictures/" + own_picture(event, 400).partition("/pictures/")[2]

    response = Client().get(path)

    assert response.status_code == 302
    assert response.headers["Cache-Control"] == "public, max-age=1800"
    assert response.headers["Location"].endswith(path)
    assert Client().get(path.replace("400.jpg", "401.jpg")).status_code == 404


def test_a_member_uploads_a_picture_larger_than_other_requests_may_be():
    event = make_event()
    page = reverse("admin:events_event_picture_this", args=[event.pk])
    content = picture((2000, 1200), "PNG", compress_level=0)
    assert 256 * 1024 < len(content) < 8 * 1024 * 1024
    client = organizer_of(event)

    def send(content: bytes) -> Any:
        upload = SimpleUploadedFile("x.png", content, "image/png")
        return client.post(
            page, {"picture": upload, "focus": "0.5 0.5"}, headers={"accept-language": "en"}
        )

    assert 'src="/static/events/picture_preview.js"' in client.get(page).content.decode()
    assert send(b"GIF89a").status_code == 200
    assert send(content).status_code == 302
    event.refresh_from_db()
    assert own_picture(event, 800)
    assert send(b"x" * (9 * 1024 * 1024)).status_code == 413


def test_a_large_body_is_refused_elsewhere_and_by_others():
    event = make_event()
    page = reverse("admin:events_event_picture_this", args=[event.pk])
    other = sign_in(organizer=make_organizer(name="Casa Verde"), is_staff=True)
    upload = {"picture": SimpleUploadedFile("x.jpg", picture()), "focus": "0.5 0.5"}

    assert other.post(page, upload).status_code == 403
    large = Client().post("/orders", b"x" * (300 * 1024), content_type="application/json")
    assert large.status_code == 413
