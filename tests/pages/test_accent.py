"""The color of an organizer on its pages."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from events.models import Organizer
from tests.make import make_event
from ticketing.pages.accent import COLOR, contrast

pytestmark = pytest.mark.django_db(transaction=True)


def read(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color)
    return red, green, blue


@pytest.mark.parametrize("color", ["ffff00", "000000", "ffffff", "b83a27", "00ff88", "123456"])
def test_every_color_can_be_read_in_light_and_dark(color: str):
    answer = Client().get(f"/accent/{color}.css")
    light, on_light, dark, on_dark = map(
        read, re.findall("#([0-9a-f]{6})", answer.content.decode())
    )

    assert contrast(light, read("f6f4f0")) >= 4.5
    assert contrast(dark, read("1f2329")) >= 4.5
    assert contrast(light, on_light) >= 4.5
    assert contrast(dark, on_dark) >= 4.5
    assert "immutable" in answer.headers["Cache-Control"]


def test_the_contrast_is_that_of_wcag():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast(read("777777"), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)


def test_an_event_has_the_color_of_its_organizer():
    event = make_event()
    assert "/accent/" not in Client().get(f"/e/{event.slug}").content.decode()
    other = make_event()
    Organizer.objects.filter(pk=other.organizer_id).update(accent_color="#0A7F3C")

    assert '<link rel="stylesheet" href="/accent/0a7f3c.css">' in (
        Client().get(f"/e/{other.slug}").content.decode()
    )


@pytest.mark.parametrize("color", ["red", "#fff", "#12345g", "#123456;", "123456"])
def test_only_a_color_is_accepted(color: str):
    with pytest.raises(ValidationError):
        COLOR(color)
