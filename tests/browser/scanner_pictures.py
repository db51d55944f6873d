"""Pictures of the door for the documents: phones beside each other, and the live door."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.door import Organizer, Phone
from tests.browser.shop import Shop
from ticketing import clock
from ticketing.stack.running import RunningStack

_QUALITY: Final = 80
_GAP, _BETWEEN = 12, "#d9d4ca"
_PHONE: Final[ViewportSize] = {"width": 330, "height": 620}
_OFFICE: Final[ViewportSize] = {"width": 390, "height": 524}
_GATES: Final = {"pt": ("Portão Norte", "Portão Sul"), "en": ("North gate", "South gate")}
_NAMES: Final = {"pt": ("Celular da Ana", "Celular do Rui"), "en": ("Ana's phone", "Rui's phone")}
_EVENTS: Final = {"pt": ("Noite de jazz", "Sarau de verão"), "en": ("Jazz night", "Summer soirée")}


@dataclass(frozen=True, slots=True)
class _Evening:
    """An event whose door is open, with two phones at two gates."""

    event: str
    codes: list[str]
    of_other: str
    north: Phone
    south: Phone


def take_scanner_pictures(
    stack: RunningStack, browser: Browser, office: Page, language: str, folder: Path
) -> None:
    """Take answers, what phones show without a network, and the live door of an organizer."""
    with _evening(stack, browser, office, language) as evening:
        _save(_scan_three(evening), folder / f"scanner-{language}.webp")
        _save(_scan_without_network(evening), folder / f"offline-{language}.webp")
        office.set_viewport_size(_OFFICE)
        office.goto(f"/admin/tickets/device/live/{evening.event}/")
        expect(office.locator("[data-alert^=conflict]")).to_be_visible()
        office.locator("[data-alert]").evaluate(
            "(alert) => alert.closest('section').scrollIntoView()"
        )
        _shot_of(office).save(folder / f"live-{language}.webp", quality=_QUALITY, method=6)


@contextmanager
def _evening(
    stack: RunningStack, browser: Browser, office: Page, language: str
) -> Iterator[_Evening]:
    shop, organizer = Shop(stack), Organizer(stack)
    starts_at = clock.now() + timedelta(minutes=30)
    times = {
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=4)).isoformat(),
    }
    event, other = (shop.publish_event(name=name, **times)["id"] for name in _EVENTS[language])
    codes = [shop.sell(event).ticket_codes[0] for _ in range(6)]
    of_other = shop.sell(other).ticket_codes[0]
    locale = office.evaluate("navigator.language")
    with (
        browser.new_context(base_url=stack.url, locale=locale, viewport=_PHONE) as one,
        browser.new_context(base_url=stack.url, locale=locale, viewport=_PHONE) as two,
    ):
        phones = [Phone.with_camera(context) for context in (one, two)]
        for phone, gate, name in zip(phones, _GATES[language], _NAMES[language], strict=True):
            device = organizer.make_device([event], gate=gate, name=name)
            phone.page.goto(f"/door#pair={organizer.pairing_code(device)}")
            # Only a phone that can go on alone has its data and the page.
            phone.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
            phone.start()
        yield _Evening(event, codes, of_other, *phones)


def _scan_three(evening: _Evening) -> list[Image.Image]:
    """Scan a ticket, the same again, and one of another event."""
    phone, pictures = evening.north, []
    for code in (evening.codes[0], evening.codes[0], evening.of_other):
        phone.show(code)
        phone.answer()
        pictures.append(_shot_of(phone.page))
        phone.hide()
        # The same code counts again after it was away for a while.
        phone.page.reload()
        phone.start()
    return pictures


def _scan_without_network(evening: _Evening) -> list[Image.Image]:
    """Let both gates admit the same ticket without a network, and see what they say of it later."""
    north, south, pictures = evening.north, evening.south, []
    both, first, second, *online = evening.codes[1:]
    for code in online:
        south.scan(code)
    for phone in (north, south):
        phone.page.context.set_offline(offline=True)
        expect(phone.page.locator("#link[data-link=offline]")).to_be_visible()
    north.scan(both)
    north.scan(first)
    pictures.append(_shot_of(north.page))
    north.show(second)
    north.answer()
    pictures.append(_shot_of(north.page))
    north.hide()
    south.scan(both)
    for phone in (north, south):
        phone.page.context.set_offline(offline=False)
        expect(phone.page.locator("#link[data-link=online]")).to_be_visible()
        expect(phone.page.locator("#link-more")).to_be_hidden()
    north.page.locator("#link").click()
    north.page.locator("#conflict-bar").click()
    expect(north.page.locator("#sheet li")).to_be_visible()
    pictures.append(_shot_of(north.page))
    return pictures


def _save(pictures: list[Image.Image], path: Path) -> None:
    """Save pictures of phones beside each other."""
    width, height = _PHONE["width"], _PHONE["height"]
    together = Image.new(
        "RGB", (len(pictures) * (width + _GAP) + _GAP, height + 2 * _GAP), _BETWEEN
    )
    for place, picture in enumerate(pictures):
        together.paste(picture, (_GAP + place * (width + _GAP), _GAP))
    together.save(path, quality=_QUALITY, method=6)


def _shot_of(page: Page) -> Image.Image:
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        return picture.copy()
