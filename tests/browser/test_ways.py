"""Other ways to a ticket in a real browser: free, by Pix, and found again by its mail."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.shop import Shop
from tests.browser.test_shop import heading, reserve, stays_offline, visiting
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


def new_address() -> str:
    return f"ana-{uuid4().hex[:12]}@example.com"


def open_link(page: Page, text: str, path: str) -> None:
    """Follow the link of a mail to a page below this path. Its token leaves the address."""
    found = re.search(rf"https?://[^/]+({path}\S+token=\S+)", text)
    assert found, text
    page.goto(found[1])
    expect(page).not_to_have_url(re.compile("token"))


def test_a_free_ticket_comes_after_its_buyer_has_confirmed_the_address(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event(ticket_types=[{"name": "Pista", "price": "0.00", "capacity": 5}])
    email = new_address()
    with visiting(stack, browser) as page:
        reserve(page, event, email=email)
        page.get_by_role("button", name="Enviar o link para mim").click()
        expect(heading(page, "Confirme seu e-mail")).to_be_visible()

        phone = page.context.new_page()
        open_link(phone, shop.wait_for_mail(email, "Confirme seu e-mail"), "/orders/")
        stays_offline(phone, re.compile("Sim, confirmar"), "nada foi enviado")
        phone.get_by_role("button", name="Sim, confirmar meu e-mail").click()

        expect(heading(phone, "Seus ingressos estão garantidos")).to_be_visible()
        # The page that waited follows by itself.
        expect(heading(page, "Seus ingressos estão garantidos")).to_be_visible()


def test_a_pix_is_shown_and_its_payment_is_noticed_by_the_page(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    with visiting(stack, browser, language="en") as page:
        reserve(page, event)
        expect(heading(page, "Pay for your tickets")).to_be_visible()
        stays_offline(page, re.compile("by Pix"), "nothing was charged")
        page.get_by_role("button", name=re.compile("by Pix")).click()
        expect(page.locator("svg path").first).to_be_visible()
        assert page.get_by_label("Code to copy").input_value().startswith("000201")

        bank = page.context.new_page()
        bank.goto(page.url)
        bank.get_by_role("button", name="Simulate payment").click()

        expect(heading(page, "Paid. See you there!")).to_be_visible()


def test_a_buyer_without_the_mail_finds_the_tickets_again(
    stack: RunningStack, browser: Browser, shop: Shop
):
    sale = shop.sell(shop.publish_event()["id"])
    with visiting(stack, browser, language="en") as page:
        page.goto(f"/o/{sale.order_id}/tickets")
        expect(heading(page, "This page needs your link")).to_be_visible()
        page.get_by_role("main").get_by_role("link", name="Find my tickets").click()
        page.get_by_label("Email address of the order").fill(sale.email)
        page.get_by_role("button", name="Send me the link").click()
        expect(heading(page, "Look into your mailbox")).to_be_visible()

        open_link(page, shop.wait_for_mail(sale.email, "the link to all your orders"), "/find/")
        page.get_by_role("link", name=f"Open order {sale.code}").click()
        page.get_by_role("link", name="Show my tickets").click()

        expect(page.get_by_text(f"{sale.code}-1", exact=True)).to_be_visible()
