"""Pictures of the shop for the documents: three pages on a phone, and one on a desktop."""

import io
import re
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, ViewportSize, expect

from ticketing.stack.running import RunningStack

_EVENT: Final = "festival-de-inverno"
_QUALITY: Final = 80
_GAP, _BETWEEN = 24, "#d9d4ca"
_PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 800},
    "device_scale_factor": 1.5,
}


def take_shop_pictures(
    stack: RunningStack, browser: Browser, language: str, locale: str, folder: Path
) -> None:
    """Buy two tickets of the demo's festival on a phone, and look at its page on a desktop."""
    with browser.new_context(base_url=stack.url, locale=locale, **_PHONE) as context:
        _join(_buy(context.new_page()), folder / f"shop-phone-{language}.webp")
    desktop: ViewportSize = {"width": 1280, "height": 800}
    with browser.new_context(base_url=stack.url, locale=locale, viewport=desktop) as context:
        page = context.new_page()
        page.goto(f"/e/{_EVENT}", wait_until="networkidle")
        _join([page.screenshot()], folder / f"shop-desktop-{language}.webp")


def give_picture(page: Page) -> None:
    """Give the festival a picture, on a page of somebody who is signed in."""
    page.goto("/admin/events/event/?status__exact=published")
    page.get_by_role("link", name="Festival de Inverno").click()
    page.get_by_role("link", name=re.compile("^(Imagem|Picture)…")).click()
    page.locator("input[type=file]").set_input_files(
        {"name": "festival.png", "mimeType": "image/png", "buffer": _draw()}
    )
    page.get_by_role("button", name=re.compile("^(Usar esta imagem|Use this picture)")).click()
    page.wait_for_load_state("networkidle")


def _draw() -> bytes:
    """Draw a winter sky with a moon behind mountains."""
    sky = Image.new("RGB", (1600, 900))
    draw = ImageDraw.Draw(sky)
    for row in range(900):
        share = row / 900
        top, bottom = (22, 26, 68), (226, 120, 92)
        color = tuple(int(a + (b - a) * share) for a, b in zip(top, bottom, strict=True))
        draw.line((0, row, 1600, row), fill=(color[0], color[1], color[2]))
    draw.ellipse((1010, 170, 1290, 450), fill=(255, 226, 178))
    draw.polygon([(0, 900), (0, 640), (420, 430), (860, 900)], fill=(52, 38, 84))
    draw.polygon([(480, 900), (1080, 520), (1600, 760), (1600, 900)], fill=(32, 24, 58))
    encoded = io.BytesIO()
    sky.save(encoded, "PNG")
    return encoded.getvalue()


def _buy(page: Page) -> list[bytes]:
    taken = []
    page.goto(f"/e/{_EVENT}", wait_until="networkidle")
    page.locator(".stepper input").first.fill("2")
    page.locator(".stepper input").first.blur()
    taken.append(page.screenshot())
    email = f"ana-{uuid4().hex[:8]}@example.com"
    for name, value in {"name": "Ana Souza", "email": email, "email_again": email}.items():
        page.locator(f"[name={name}]").fill(value)
    page.emulate_media(color_scheme="dark")
    page.locator("form[data-choice] button.wide").click()
    expect(page.locator("[data-clock]")).to_be_visible()
    taken.append(page.screenshot())
    page.emulate_media(color_scheme="light")
    page.locator("[name=way][value=card]").check()
    page.locator("button[value=card]").click()
    page.locator("[data-state=paid][data-ready=true]").wait_for(timeout=60_000)
    page.goto(f"{page.url}tickets", wait_until="networkidle")
    taken.append(page.screenshot())
    return taken


def _join(screens: list[bytes], path: Path) -> None:
    pictures = [Image.open(io.BytesIO(screen)).convert("RGB") for screen in screens]
    width = sum(picture.width + _GAP for picture in pictures) - _GAP
    joined = Image.new("RGB", (width, pictures[0].height), _BETWEEN)
    left = 0
    for picture in pictures:
        joined.paste(picture, (left, 0))
        left += picture.width + _GAP
    joined.save(path, quality=_QUALITY, method=6)
