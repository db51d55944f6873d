"""A phone that becomes another door device: what it has decided must reach the server first."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.door import Organizer, Phone
from tests.browser.shop import Shop
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Switch:
    """A phone of the north gate that let one guest in without a network, and a link for another."""

    organizer: Organizer
    event: str
    north: str
    link: str
    phone: Phone

    @property
    def context(self) -> BrowserContext:
        return self.phone.page.context

    def open_link(self) -> None:
        self.phone.page.goto("about:blank")
        self.phone.page.goto(self.link)

    def press(self) -> None:
        self.phone.page.get_by_role("button", name="Pair this phone").click()


@pytest.fixture
def switch(stack: RunningStack, browser: Browser) -> Iterator[Switch]:
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    north, south = (organizer.make_device([event], gate=gate) for gate in ("North", "South"))
    with browser.new_context(base_url=stack.url, locale="en") as context:
        phone = Phone.with_camera(context)
        phone.prepare(organizer.pairing_code(north))
        context.set_offline(offline=True)
        assert phone.scan(shop.sell(event).ticket_codes[0]) == "Valid ticket"
        expect(phone.page.locator("#link-more")).to_contain_text("1 scan to send")
        link = f"/door#pair={organizer.pairing_code(south)}"
        yield Switch(organizer, event, north, link, phone)


def test_a_phone_becomes_no_other_device_before_its_scans_are_sent(switch: Switch):
    phone, context = switch.phone, switch.context
    switch.open_link()
    # Scans do not get through, but all else does.
    context.route("**/door/scans", lambda route: route.abort())
    context.set_offline(offline=False)

    switch.press()
    expect(phone.page.locator("#pair-error")).to_contain_text(
        "Scans of “Phone North” are not sent yet: 1."
    )
    phone.page.reload()
    phone.start()
    still = phone.page.locator("#place").inner_text()
    expect(phone.page.locator("#link-more")).to_contain_text("1 scan to send")
    context.set_offline(offline=True)
    switch.open_link()
    context.unroute("**/door/scans")
    context.set_offline(offline=False)
    switch.press()
    phone.start()

    assert still.startswith("North")
    expect(phone.page.locator("#place")).to_contain_text("South")
    attendance = switch.organizer.attendance(switch.event)
    assert [(each["gate"], each["admitted"]) for each in attendance["gates"]] == [("North", 1)]


def test_a_revoked_phone_that_becomes_another_device_tells_of_lost_scans_first(switch: Switch):
    phone = switch.phone
    switch.open_link()
    switch.organizer.revoke_device(switch.north)
    switch.context.set_offline(offline=False)

    switch.press()
    expect(phone.page.locator("#pair-error")).to_contain_text("how many are lost: 1.")
    switch.press()
    phone.start()

    expect(phone.page.locator("#place")).to_contain_text("South")
    expect(phone.page.locator("#link-more")).to_be_hidden()
    assert switch.organizer.attendance(switch.event)["admitted"] == 0


def test_a_revoked_phone_tells_how_many_scans_it_could_not_send(switch: Switch):
    switch.organizer.revoke_device(switch.north)

    switch.context.set_offline(offline=False)

    expect(switch.phone.page.locator("#ended")).to_contain_text(
        "Scans that were not sent are lost: 1. Tell the organizer."
    )
