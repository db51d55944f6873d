"""Every page of the shop in a real browser: readable by everybody, on any screen, and light."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop import Shop
from tests.browser.test_accessibility import faults_on
from tests.browser.test_shop import reserve, tell_everything, visiting
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_WIDTHS = (360, 768, 1440)
_MOST_BYTES = 60_000
_MOST_SHIFT = 0.02
_WATCH_SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) window.shifts += shift.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


def look_for_faults(page: Page) -> list[str]:
    too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*faults_on(page), *([f"{page.url} is too wide"] if too_wide else [])]


def look_closely(page: Page) -> list[str]:
    """Look for faults on a phone, for the width of larger screens, and for colors in the dark."""
    faults = []
    page.emulate_media(color_scheme="light")
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            faults.append(f"{page.url} is too wide for {width}")
        if width == min(_WIDTHS):
            faults += faults_on(page)
    page.emulate_media(color_scheme="dark")
    return [*faults, *faults_on(page, ["color-contrast"])]


def stop_at_each_page(page: Page, shop: Shop, event: dict[str, Any]) -> Iterator[str]:
    """Yield at each page of a purchase, with its name."""
    email = f"ana-{uuid4().hex[:12]}@example.com"
    for name, path in {
        "catalogue": "/",
        "nothing found": "/?q=nichts",
        "wrong code": f"/e/{event['slug']}?code=NONE",
        "terms": "/terms/casa-azul",
        "find": "/find",
        "no access": f"/o/{uuid4()}/",
        "no such event": "/e/nothing-here",
    }.items():
        page.goto(path)
        yield name
    reserve(page, event, 0)
    expect(page.get_by_role("alert")).to_be_visible()
    yield "mistake"
    reserve(page, event, 2, email=email)
    yield "reserved"
    yield from tell_everything(page, "Pista, ingresso 1", "Pista, ingresso 2")
    expect(page.locator("button[value=card]")).to_be_visible()
    yield "payment"
    page.locator("[value=tok_declined]").check()
    page.locator("button[value=card]").click()
    expect(page.locator("[data-state=payment_failed]")).to_be_visible()
    yield "declined"
    page.locator("form[action$=again] button").click()
    page.locator("button[value=card]").click()
    expect(page.locator("[data-state=paid][data-ready=true]")).to_be_visible()
    yield "paid"
    order = page.url
    page.goto(f"{order}names/")
    yield "names of sold tickets"
    page.goto(f"{order}refund")
    yield "refund"
    page.get_by_role("checkbox").first.check()
    page.locator("main form button").click()
    yield "sum of the refund"
    page.locator("main form button").first.click()
    yield "refund asked for"
    reserve(page, event, email=email)
    expect(page.locator("[data-state=reserved]")).to_be_visible()
    shop.change_record(
        "UPDATE orders_order SET reserved_until = now() - interval '1 second'"
        " WHERE customer_email = %(email)s AND status = 'reserved'",
        email=email,
    )
    page.reload()
    expect(page.locator("[data-state=expired]")).to_be_visible()
    yield "expired"


def test_no_page_of_the_shop_has_a_fault_or_is_too_wide(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    shop.ask_everything(event["id"])
    with visiting(stack, browser) as page:
        faults = [
            f"{name}: {fault}"
            for name in stop_at_each_page(page, shop, event)
            for fault in look_closely(page)
        ]

        assert faults == []


def test_the_page_of_an_event_is_light_and_does_not_move(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event(description="Uma noite de música.\n\n" * 20)
    with visiting(stack, browser) as page:
        page.add_init_script(_WATCH_SHIFTS)
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        sizes: list[float] = []
        network.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))

        with page.expect_response(re.compile("/live$")):
            page.goto(f"/e/{event['slug']}")
        page.get_by_role("button", name="Mais um: Pista").click()
        expect(page.locator("[data-total]")).to_be_visible()

        assert len(sizes) >= 4
        assert sum(sizes) < _MOST_BYTES
        # What a reader has clicked may make room for itself.
        assert page.evaluate("window.shifts") < _MOST_SHIFT
