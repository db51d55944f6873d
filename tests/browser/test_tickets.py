"""A buyer's tickets on a phone: shown without a network, and handed on to another person."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.shop import Shop
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow


@pytest.fixture
def phone(stack: RunningStack, browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=stack.url,
        locale="en",
        viewport={"width": 390, "height": 844},
    )
    with context:
        yield context


def open_link(page: Page, text: str, words: str) -> None:
    """Follow the link of a mail that comes after these words."""
    found = re.search(rf"{words}: https?://[^/]+(/\S+)", text)
    assert found, text
    page.goto(found[1])
    expect(page).not_to_have_url(re.compile("token"))


def test_a_phone_shows_tickets_without_a_network(stack: RunningStack, phone: BrowserContext):
    shop = Shop(stack)
    sale = shop.sell(shop.publish_event()["id"], quantity=2)
    page = phone.new_page()
    open_link(page, shop.wait_for_mail(sale.email, "Seus ingressos"), "Abrir meus ingressos")
    expect(page.locator("[data-kept]")).to_be_visible()

    phone.set_offline(True)
    page.goto(page.url)

    expect(page.get_by_text(f"{sale.code}-1", exact=True)).to_be_visible()
    expect(page.locator(".qr svg")).to_have_count(2)
    expect(page.locator("[data-is-offline]")).to_be_visible()


def test_a_ticket_that_was_handed_on_opens_the_gate_by_its_new_code_alone(
    stack: RunningStack, phone: BrowserContext
):
    shop = Shop(stack)
    sale = shop.sell(shop.publish_event()["id"])
    page, email = phone.new_page(), f"bia-{uuid4().hex[:12]}@example.com"
    open_link(page, shop.wait_for_mail(sale.email, "Seus ingressos"), "Abrir meus ingressos")
    page.get_by_role("link", name="Transfer to another person").click()
    page.get_by_label("Name").fill("Bia Lima")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send the offer").click()
    expect(page.get_by_role("heading", name="Waiting for the new holder")).to_be_visible()

    friend = phone.new_page()
    open_link(friend, shop.wait_for_mail(email, "sends you a ticket"), "Accept the ticket")
    friend.get_by_role("button", name="Accept the ticket").click()
    expect(friend.locator(".qr svg")).to_be_visible()

    received = shop.wait_for_mail(email, "Your ticket")
    new_code = re.search(r"^   (T1:[^\r\n]+)", received, re.MULTILINE)
    assert new_code
    assert shop.scan(sale.ticket_codes[0]) == "revoked"
    assert shop.scan(new_code[1]) == "admitted"
    page.goto(page.url.replace("/1/transfer", ""))
    expect(page.get_by_text("Handed on: Bia Lima has this ticket now.")).to_be_visible()


def test_a_kept_copy_says_its_age_and_gives_way_once_a_ticket_was_handed_on(
    stack: RunningStack, phone: BrowserContext
):
    shop = Shop(stack)
    sale = shop.sell(shop.publish_event()["id"])
    page, email = phone.new_page(), f"bia-{uuid4().hex[:12]}@example.com"
    open_link(page, shop.wait_for_mail(sale.email, "Seus ingressos"), "Abrir meus ingressos")
    expect(page.locator("[data-kept]")).to_be_visible()
    tickets = page.url
    page.get_by_role("link", name="Transfer to another person").click()
    page.get_by_label("Name").fill("Bia Lima")
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Send the offer").click()
    page.goto(tickets)
    expect(page.locator("[data-kept]")).to_be_visible()

    phone.set_offline(True)
    page.goto(tickets)
    expect(page.get_by_text("This copy was kept 1 minute ago.")).to_be_visible()
    expect(page.get_by_text("If Bia Lima has accepted it since, this code")).to_be_visible()
    expect(page.locator(".qr svg")).to_be_visible()
    phone.set_offline(False)
    friend = phone.browser.new_page(base_url=stack.url, locale="en")  # type: ignore[union-attr]
    open_link(friend, shop.wait_for_mail(email, "sends you a ticket"), "Accept the ticket")
    friend.get_by_role("button", name="Accept the ticket").click()
    expect(friend.locator(".qr svg")).to_be_visible()
    # The phone gets its network back: the page that is open shows the truth by itself.
    page.evaluate("window.dispatchEvent(new Event('online'))")

    expect(page.get_by_text("Handed on: Bia Lima has this ticket now.")).to_be_visible()
    expect(page.locator(".qr svg")).to_have_count(0)
