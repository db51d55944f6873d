"""Every page of the shop in a real browser: readable by everybody, on any screen, and light."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import resolve
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop import Shop
from tests.browser.shown.every import EVERY_PAGE, NO_PAGES, refusals
from tests.browser.shown.page import Shown, name_of, open_in
from tests.browser.test_accessibility import faults_on
from tests.browser.test_shop import visiting
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_WIDTHS = (768, 360)
_MOST_BYTES = 60_000
_MOST_SHIFT = 0.02
_WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    const moved = shift.sources.map(({ node }) => node?.outerHTML?.slice(0, 60) ?? "text");
    window.shifts.push([shift.value, moved.join(" ")]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""
_DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
_IS_AT_ERROR = "document.activeElement.matches('main [role=alert], main [aria-invalid=true]')"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context(locale="pt-BR", service_workers="block") as context:
        yield context.new_page()


def look_closely(page: Page) -> list[str]:
    """Look for faults on a phone, for the width of larger screens, and for colors in the dark."""
    faults = []
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"too wide for {width}")
    faults += faults_on(page)
    page.emulate_media(color_scheme="dark")
    faults += faults_on(page, ["color-contrast"])
    page.emulate_media(color_scheme="light")
    return faults


def every_state() -> Iterator[Shown]:
    for states in EVERY_PAGE.values():
        yield from states()
    yield from refusals()


def templates_of_pages() -> set[str]:
    """Return the names of the templates that are whole pages of the shop."""
    found = Path(settings.BASE_DIR).glob("*/templates/*/*.html")
    named = {"/".join(path.parts[-2:]): path.read_text() for path in found}
    return {name for name, text in named.items() if '{% extends "pages/base.html" %}' in text}


# The pages are rendered by this process, so that each state is a row and not a journey.
@pytest.mark.django_db(transaction=True)
def test_no_page_of_the_shop_has_a_fault_or_is_too_wide_in_any_state(page: Page):
    faults, views, templates = [], set(), set()
    for shown in every_state():
        open_in(page, shown)
        faults += [f"{shown.state}: {fault}" for fault in look_closely(page)]
        if shown.is_refused and not page.evaluate(_IS_AT_ERROR):
            faults.append(f"{shown.path}, {shown.state}: the focus is not at the error")
        views.add(name_of(resolve(shown.path)))
        templates |= {each.name for each in getattr(shown.response, "templates", ())}

    assert faults == []
    assert views - NO_PAGES == set(EVERY_PAGE)
    assert templates_of_pages() - templates == set()


def test_the_page_of_an_event_is_light_and_does_not_move(stack: RunningStack, browser: Browser):
    event = Shop(stack).publish_event(description="Uma noite de música.\n\n" * 20)
    with visiting(stack, browser) as page:
        page.add_init_script(_WATCH_SHIFTS)
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))

        with page.expect_response(re.compile("/live$")):
            page.goto(f"/e/{event['slug']}")
        more = page.get_by_role("button", name="Mais um: Pista")
        expect(more).to_be_visible()
        page.evaluate(_DRAWN)
        # Only until the click: what a reader has clicked may make room for itself.
        shifts = page.evaluate("window.shifts")
        # A browser draws the beginning of a page before its end has arrived.
        after_tickets = page.locator(".tickets ~ .second")
        expect(after_tickets).to_have_count(1)
        more.click()
        expect(page.locator("[data-total]")).to_be_visible()

        assert len(sizes) >= 4
        assert sum(sizes) < _MOST_BYTES
        assert sum(value for value, _ in shifts) < _MOST_SHIFT, shifts
