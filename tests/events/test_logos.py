"""Logos of organizers: what is accepted, how it is made legible, and where it is shown."""

from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from events import logos
from events.logos import (
    FOR_PAPER,
    LogoTooSmall,
    logo_address,
    logo_name,
    read_logo,
    remove_logo,
    set_logo,
)
from events.models import Organizer
from events.uploaded_pictures import UnreadablePicture
from tests.make import SOMEBODY, make_event, make_organizer, make_paid_order
from tests.pages.test_admin import organizer_of, sign_in
from ticketing import clock
from ticketing.models import Act
from tickets.delivery import deliver_tickets
from tickets.documents.pdf import Paper, render_pdf
from tickets.mail import tickets_to_mail

pytestmark = pytest.mark.django_db(transaction=True)

Color = tuple[int, int, int]
BLACK, WHITE, RED, YELLOW = (0, 0, 0), (255, 255, 255), (200, 20, 30), (255, 225, 0)
DARK = (0x17, 0x19, 0x1D)


def logo(*colors: Color, size: tuple[int, int] = (800, 200)) -> bytes:
    """Return a transparent PNG with a wide margin around stripes of these colors."""
    image = Image.new("RGBA", (size[0] + 200, size[1] + 200), (0, 0, 0, 0))
    width = size[0] // len(colors)
    for number, color in enumerate(colors):
        left = 100 + number * width
        image.paste((*color, 255), (left, 100, left + width, 100 + size[1]))
    return encode(image)


def encode(image: Image.Image, kind: str = "PNG") -> bytes:
    encoded = BytesIO()
    image.save(encoded, kind)
    return encoded.getvalue()


def store(organizer: Organizer, content: bytes) -> None:
    set_logo(organizer_id=organizer.pk, upload=BytesIO(content), actor=SOMEBODY, now=clock.now())
    organizer.refresh_from_db()


def stored(organizer: Organizer, size: int = 2) -> Image.Image:
    with storages["tickets"].open(logo_name(organizer.logo, size)) as file:
        return Image.open(BytesIO(file.read()))


@pytest.mark.parametrize(
    ("colors", "background"),
    [
        ([BLACK], WHITE),
        ([RED], WHITE),
        ([WHITE], DARK),
        ([YELLOW], DARK),
        # White letters beside a red sign would vanish on white.
        ([WHITE, RED], DARK),
        # Nothing shows all of it. White is what most logos are made for.
        ([BLACK, WHITE], WHITE),
        # A fiftieth of it may vanish, for example a highlight.
        ([WHITE, *[RED] * 49], WHITE),
        ([WHITE, WHITE, *[RED] * 48], DARK),
    ],
)
def test_a_transparent_logo_gets_the_background_that_hides_less_of_it(
    colors: list[Color], background: Color
):
    organizer = make_organizer()

    store(organizer, logo(*colors, size=(50, 96)))

    assert stored(organizer).mode == "RGB"
    assert stored(organizer).getpixel((2, 2)) == background


def test_a_logo_half_of_which_shines_through_gets_a_background_too():
    organizer = make_organizer()

    store(organizer, encode(Image.new("RGBA", (800, 200), (*WHITE, 128))))

    assert stored(organizer).getpixel((2, 2)) == DARK


def test_a_logo_is_cut_to_what_is_visible_and_keeps_its_shape_in_two_sizes():
    organizer = make_organizer()

    store(organizer, logo(RED, size=(2000, 1000)))

    # It is twice as wide as high, with the padding, in a place of 192 by 48.
    assert (organizer.logo_width, organizer.logo_height) == (85, 48)
    assert stored(organizer, 2).size == (171, 96)
    assert stored(organizer, 6).size == (513, 288)
    assert stored(organizer, 6).getpixel((256, 144)) == RED


def test_a_margin_that_nobody_can_see_is_cut_off():
    organizer, image = make_organizer(), Image.new("RGBA", (1000, 400), (0, 0, 0, 8))
    image.paste((*RED, 9), (100, 100, 900, 300))

    store(organizer, encode(image))

    # 800 by 200, with the padding.
    assert (organizer.logo_width, organizer.logo_height) == (160, 48)


def test_a_photo_of_a_logo_keeps_the_pixels_that_paper_needs():
    organizer = make_organizer()

    store(organizer, encode(Image.new("RGB", (6400, 1600), RED), "JPEG"))

    assert stored(organizer, 6).size == (1152, 288)


@pytest.mark.parametrize("size", [(384, 11), (99, 96)])
def test_a_logo_that_is_wide_enough_or_high_enough_is_accepted(size: tuple[int, int]):
    organizer = make_organizer()

    store(organizer, encode(Image.new("RGB", size, RED)))

    assert organizer.logo


def test_an_opaque_logo_keeps_its_own_background():
    organizer = make_organizer()

    store(organizer, encode(Image.new("RGB", (900, 100), YELLOW), "WEBP"))

    assert (organizer.logo_width, organizer.logo_height) == (192, 21)
    assert min(stored(organizer).getpixel((2, 2))[:2]) > 200  # type: ignore[index]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnreadablePicture),
        (encode(Image.new("RGBA", (900, 300))), UnreadablePicture),
        (encode(Image.new("RGB", (383, 95), RED)), LogoTooSmall),
    ],
)
def test_what_is_no_usable_logo_is_refused_and_changes_nothing(
    content: bytes, refusal: type[Exception]
):
    organizer = make_organizer()

    with pytest.raises(refusal) as refused:
        store(organizer, content)

    if refusal is LogoTooSmall:
        assert "384 pixels wide or 96 pixels high" in str(refused.value)
    organizer.refresh_from_db()
    assert organizer.logo == ""


def test_an_owner_uploads_a_logo_and_removes_it_again():
    event = make_event()
    organizer = event.organizer
    page = reverse("admin:events_organizer_logo_this", args=[organizer.pk])
    client, english = organizer_of(event), {"accept-language": "en"}
    content = encode(Image.effect_noise((1200, 300), 80))
    assert len(content) > 256 * 1024

    refused = client.post(page, {"logo": SimpleUploadedFile("x.png", b"GIF89a")}, headers=english)
    assert "This is not a JPEG, PNG or WebP picture" in refused.content.decode()
    assert client.post(page, {"logo": SimpleUploadedFile("x.png", content)}).status_code == 302
    organizer.refresh_from_db()
    path = logo_address(organizer).removeprefix("http://localhost:8000")
    assert path in client.get(page).content.decode()
    assert Client().get(path).headers["Location"].endswith(path)
    assert client.post(page, {"remove": "1"}).status_code == 302

    organizer.refresh_from_db()
    assert (organizer.logo, organizer.logo_width, organizer.logo_height) == ("", None, None)
    acts = Act.objects.filter(subject_id=organizer.pk, type="organizer.changed").order_by("at")
    (change,), (removal,) = (act.details["changes"] for act in acts)
    assert (change["field"], change["from"], removal["to"]) == ("logo", "", "")
    assert change["to"] == removal["from"] in path


def test_a_member_of_another_organizer_finds_no_page_for_the_logo():
    event = make_event()
    other = sign_in(organizer=make_organizer(name="Casa Verde"), is_staff=True)

    page = reverse("admin:events_organizer_logo_this", args=[event.organizer_id])

    assert other.get(page).status_code in (403, 404)


def test_the_logo_is_on_the_event_page_in_mails_and_on_the_ticket():
    event = make_event()
    store(event.organizer, logo(RED))
    order = make_paid_order(ticket_type=event.ticket_types.get())
    picture = f"/pictures/{event.organizer.logo}/logo-2x.png"
    shown = f'src="{picture}" alt="Casa Azul" width="160" height="48"'

    page = Client().get(f"/e/{event.slug}").content.decode()
    deliver_tickets(order_id=order.pk, now=clock.now())
    sent: Any = mail.outbox[0]
    tickets = list(tickets_to_mail(order.pk))
    pdf = render_pdf(order=order, tickets=tickets, paper=Paper.PHONE)

    assert shown in page
    assert 'class="brand"' not in page
    assert f'{picture}" alt="Casa Azul" width="160" height="48"' in sent.html
    assert b"/Subtype /Image" in pdf
    remove_logo(organizer_id=event.organizer_id, actor=SOMEBODY, now=clock.now())
    order = type(order).objects.get(pk=order.pk)
    assert b"/Subtype /Image" not in render_pdf(order=order, tickets=tickets, paper=Paper.PHONE)


def test_a_logo_is_read_from_the_store_once_a_minute(monkeypatch: pytest.MonkeyPatch):
    organizer, seconds = make_organizer(), [60.0]
    monkeypatch.setattr(logos, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    store(organizer, logo(RED))
    before = read_logo(organizer)
    storages["tickets"].delete(logo_name(organizer.logo, FOR_PAPER))
    seconds[0] = 119.9

    assert read_logo(organizer) == before != b""
    seconds[0] = 120.0
    assert read_logo(organizer) == b""


def test_a_ticket_is_drawn_without_its_logo_while_the_store_is_away(
    caplog: pytest.LogCaptureFixture,
):
    organizer = make_organizer()
    organizer.logo = "x" * 22

    assert read_logo(organizer) == b""
    assert "A logo could not be read" in caplog.text
