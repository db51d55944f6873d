"""
Take the pictures of the documents again, or some by their name. It needs Chromium.

    DJANGO_SETTINGS_MODULE=config.settings.test python -m tests.browser.pictures scanner

It starts a stack of its own with the demo's season.
"""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.scanner_pictures import take_scanner_pictures
from tests.browser.shop_pictures import give_picture, take_shop_pictures
from ticketing.stack.environment import read_env
from ticketing.stack.run import reset
from ticketing.stack.running import RunningStack, running_stack

_FOLDER: Final = Path(__file__).parents[2] / "docs" / "pictures"
_LANGUAGES: Final = {"pt": "pt-BR", "en": "en"}
# Instead of the stack's own address, which says nothing to an organizer.
_ADDRESS: Final = "https://ingressos.casaazul.example"
_REPLACE_ADDRESS: Final = """
([from, to]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    texts.currentNode.data = texts.currentNode.data.replaceAll(from, to);
  }
}
"""
# Sharp enough to read, and small enough for a page with seven of them.
_QUALITY: Final = 70


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of the top of a page. A screen of 1300 has the menu beside the page."""

    name: str
    path: str
    width: int = 1300
    height: int = 760


def take_pictures(stack: RunningStack, page: Page, language: str, wanted: set[str]) -> None:
    for shot in _shots(page):
        if wanted and shot.name not in wanted:
            continue
        page.set_viewport_size({"width": shot.width, "height": shot.height})
        page.goto(shot.path)
        page.wait_for_load_state("networkidle")
        page.evaluate(_REPLACE_ADDRESS, [stack.url, _ADDRESS])
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            picture.save(_FOLDER / f"{shot.name}-{language}.webp", quality=_QUALITY, method=6)


def _shots(page: Page) -> list[Shot]:
    """Return the pictures, of the demo's events as they are now."""
    page.goto("/admin/events/event/?status__exact=draft")
    draft = _last_key(page, ".data-row a")
    page.goto("/admin/events/event/?status__exact=published")
    ids = page.eval_on_selector_all(
        ".data-row th a", "links => links.map(link => link.pathname.split('/').at(-3))"
    )
    # Latest first: the third is on sale and has sold much, and the fifth has begun.
    event, tonight = ids[2], ids[4]
    # The largest orders first.
    page.goto(f"/admin/orders/order/?event__id__exact={event}&status__exact=paid&o=-4")
    order = _last_key(page, ".data-row th a")
    return [
        Shot("home", "/admin/"),
        Shot("event", f"/admin/events/event/{draft}/change/"),
        Shot("share", f"/admin/events/event/{event}/share_this/"),
        Shot("sales", f"/admin/dashboard/{event}/"),
        Shot("refund", f"/admin/orders/order/{order}/refund_this/", height=620),
        Shot("guests", f"/admin/orders/guestlist/event/{event}/"),
        Shot("door", f"/admin/tickets/device/check-in/{tonight}/", width=390),
    ]


def _last_key(page: Page, link: str) -> str:
    address = page.locator(link).first.get_attribute("href") or ""
    return address.split("/")[-3]


def _sign_in(stack: RunningStack, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/admin/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", read_env(stack.folder)["DEMO_ADMIN_PASSWORD"])
    page.press("#id_password", "Enter")
    page.wait_for_url("**/admin/")
    return page


def _take_all(
    stack: RunningStack, browser: Browser, language: str, locale: str, wanted: set[str]
) -> None:
    with browser.new_context(base_url=stack.url, locale=locale) as context:
        page = _sign_in(stack, context)
        take_pictures(stack, page, language, wanted)
        if takes_shop := not wanted or "shop" in wanted:
            give_picture(page)
        if not wanted or "scanner" in wanted:
            take_scanner_pictures(stack, browser, page, language, _FOLDER)
    if takes_shop:
        take_shop_pictures(stack, browser, language, locale, _FOLDER)


def main() -> None:
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=which("chromium"), args=["--no-sandbox"]
        )
        with running_stack(Path(folder)) as stack:
            for language, locale in _LANGUAGES.items():
                _take_all(stack, browser, language, locale, set(sys.argv[1:]))
        reset(stack.folder)
        browser.close()


if __name__ == "__main__":
    main()
