"""An event on an organizer's own site, which is of another origin and has a strict policy."""

import re
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.keyboard import Keyboard
from tests.browser.shop import Shop
from tests.browser.test_accessibility import faults_on
from tests.browser.test_shop import visiting
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_SITE = """<!doctype html><html lang="en"><head><title>Casa Azul</title></head><body><main>
<h1>Our next night</h1>
<script async src="{shop}/static/events/embed.js"></script>
<bilheteria-event src="{shop}/e/{slug}" data-theme="dark">
<a href="{shop}/e/{slug}">Tickets: {name}</a>
</bilheteria-event>
</main></body></html>"""


class Site(BaseHTTPRequestHandler):
    def __init__(self, *arguments: Any, shop: str, event: dict[str, Any]) -> None:
        self.shop, self.event = shop, event
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        policy = f"default-src 'none'; script-src {self.shop}; frame-src {self.shop}"
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        fields = {"slug": self.event["slug"], "name": self.event["name"]}
        self.wfile.write(_SITE.format(shop=self.shop, **fields).encode())

    def log_message(self, *_arguments: Any) -> None:
        """Write nothing."""


@pytest.fixture(scope="module")
def event(stack: RunningStack) -> dict[str, Any]:
    return Shop(stack).publish_event()


@pytest.fixture(scope="module")
def site(stack: RunningStack, event: dict[str, Any]) -> Iterator[str]:
    """Return the address of a site with the snippet, which the event's organizer allows."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, shop=stack.url, event=event))
    # Browsers count another host name as another site, also for cookies.
    other = "localhost" if "127.0.0.1" in stack.url else "127.0.0.1"
    origin = f"http://{other}:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    allow(stack, [origin])
    yield origin
    server.shutdown()
    server.server_close()


def allow(stack: RunningStack, origins: list[str]) -> None:
    # The admin accepts https alone.
    with psycopg.connect(str(stack.addresses["database_url"]), autocommit=True) as record:
        record.execute("UPDATE events_organizer SET embedding_origins = %s", [origins])


def frame_height(page: Page) -> float:
    box = page.locator("iframe").bounding_box()
    return box["height"] if box else 0


@pytest.mark.parametrize("width", [360, 1440])
def test_visitors_of_a_site_choose_there_and_pay_in_the_shop(
    stack: RunningStack, browser: Browser, site: str, event: dict[str, Any], width: int
):
    viewport = {"width": width, "height": 900}
    with visiting(stack, browser, language="en", viewport=viewport) as page:
        page.goto(site)
        frame = page.frame_locator("iframe")
        expect(page.locator("iframe")).to_have_attribute("title", f"Tickets: {event['name']}")
        content = frame.locator("html").evaluate("page => page.getBoundingClientRect().height")
        assert abs(frame_height(page) - content) <= 1
        assert content > 200
        # The site has chosen the dark theme. The visitor's device is light.
        expect(frame.locator(".card")).to_have_css("background-color", "rgb(31, 35, 41)")
        expect(frame.locator("html")).to_have_css("color-scheme", "dark")
        frame.get_by_role("button", name="One more: Pista").click()
        expect(frame.locator("[data-total]")).to_have_text("BRL\u00a080.00")
        expect(page.get_by_role("link", name="Tickets:")).to_be_hidden()
        assert page.context.cookies() == []
        assert faults_on(page) == []

        frame.get_by_role("button", name="Continue").click()

        page.wait_for_url(re.compile(rf"/e/{event['slug']}\?.*#tickets$"))
        assert page.url.startswith(stack.url)
        expect(page.get_by_label("Pista", exact=True)).to_have_value("1")
        page.locator("[name=name]").fill("Ana Souza")
        page.locator("[name=email]").fill("ana@example.com")
        page.locator("[name=email_again]").fill("ana@example.com")
        page.get_by_role("button", name="Reserve", exact=True).click()
        expect(page.get_by_role("heading", name="Pay for your tickets")).to_be_visible()


def test_the_keys_pass_through_the_frame(stack: RunningStack, browser: Browser, site: str):
    with visiting(stack, browser, language="en") as page:
        page.goto(site)
        frame = page.locator("iframe").element_handle().content_frame()
        assert frame is not None
        keys = Keyboard(page, frame)
        keys.press(frame.get_by_role("button", name="One more: Pista"), "Space")
        expect(frame.locator("[data-total]")).to_have_text("BRL\u00a080.00")
        keys.reach(frame.get_by_role("button", name="Continue"))
        # And out of it again.
        page.keyboard.press("Tab")
        expect(frame.locator(":focus")).to_have_count(0)
        page.keyboard.press("Shift+Tab")
        expect(frame.get_by_role("button", name="Continue")).to_be_focused()
        page.keyboard.press("Enter")

        page.wait_for_url(re.compile(r"/e/\S+#tickets$"))
        expect(page.get_by_label("Pista", exact=True)).to_have_value("1")


def test_a_site_that_is_not_allowed_and_one_without_javascript_show_a_link(
    stack: RunningStack, browser: Browser, site: str, event: dict[str, Any]
):
    link = f"Tickets: {event['name']}"
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        expect(page.get_by_role("link", name=link)).to_be_visible()
    other = site.replace("localhost", "shop.localhost").replace("127.0.0.1", "shop.localhost")
    with browser.new_context() as context:
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text))
        page.goto(other, wait_until="networkidle")

        expect(page.get_by_role("link", name=link)).to_be_visible()
        expect(page.locator("iframe")).to_be_hidden()
        assert any("frame-ancestors" in text for text in refused)
