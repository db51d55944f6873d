"""The end of a hold in a real browser, while its buyer types, pays by Pix or is in a tunnel."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.shop import Shop
from tests.browser.test_shop import heading, reserve, visiting
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(stack: RunningStack) -> Shop:
    return Shop(stack)


def end_hold(shop: Shop, event: str) -> None:
    shop.change_record(
        "UPDATE orders_order SET reserved_until = now() WHERE event_id = %(event)s", event=event
    )


def test_what_a_buyer_types_stays_when_the_time_ends_without_a_network(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    shop.ask_everything(event["id"])
    with visiting(stack, browser, language="en") as page:
        page.clock.install()
        reserve(page, event)
        page.get_by_label("Alguma alergia?").fill("Nozes")
        expect(page.locator("[data-clock]")).to_have_text(re.compile("^14:"))
        page.context.set_offline(True)
        page.clock.fast_forward("10:05")
        expect(page.locator("[data-announce]")).to_have_text("5 minutes left.")
        expect(page.get_by_text("Until then your tickets stay kept")).to_be_visible()
        page.clock.fast_forward("05:00")
        expect(page.locator("[data-clock]")).to_have_text("0:00")
        page.clock.fast_forward("00:31")
        expect(page.get_by_text("No connection, and the time is over.")).to_be_visible()

        end_hold(shop, event["id"])
        page.context.set_offline(False)

        over = page.get_by_text("Your tickets are not kept any more.", exact=True)
        expect(over).to_be_visible()
        expect(page.locator("[data-announce]")).to_contain_text("not kept any more")
        expect(page.get_by_role("button", name="Save and go on")).to_be_hidden()
        page.get_by_role("button", name="Reserve the same tickets again").click()
        # The page of the new reservation: it has what was typed, and marks what is missing.
        expect(page.get_by_text("Some answers are missing")).to_be_visible()
        expect(page.get_by_label("Alguma alergia?")).to_have_value("Nozes")
        page.get_by_role("group", name="Vem de ônibus?").get_by_label("No").check()
        page.get_by_label("Tamanho da camiseta").select_option("M")
        page.get_by_role("button", name="Save and go on").click()
        expect(heading(page, "Names on the tickets")).to_be_visible()


def test_a_pix_that_ends_in_front_of_its_buyer_offers_the_tickets_again(
    stack: RunningStack, browser: Browser, shop: Shop
):
    event = shop.publish_event()
    with visiting(stack, browser, language="en") as page:
        page.clock.install()
        reserve(page, event)
        page.get_by_role("button", name=re.compile("by Pix")).click()
        expect(page.locator("[data-clock]")).to_have_text(re.compile("^14:[0-2]"))
        end_hold(shop, event["id"])
        page.clock.fast_forward("00:05")

        expect(heading(page, "The time for this Pix is over")).to_be_visible()
        page.get_by_role("button", name="Reserve the same tickets again").click()
        expect(heading(page, "Pay for your tickets")).to_be_visible()
