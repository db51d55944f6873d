"""What the door's page says at moments when its staff would hesitate."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.door import Organizer, Phone
from tests.browser.shop import Shop
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_HARDWARE = Path(__file__).parent / "door_hardware.js"


@dataclass(frozen=True, slots=True)
class Door:
    """A phone at the gate of an event whose guests may leave and come back."""

    shop: Shop
    organizer: Organizer
    event: str
    phone: Phone

    def sell(self) -> str:
        return self.shop.sell(self.event).ticket_codes[0]

    def find(self, selector: str) -> Locator:
        return self.phone.page.locator(selector)

    def press(self, name: str) -> None:
        self.phone.page.get_by_role("button", name=name).first.click()

    def pair(self, *others: str, is_supervisor: bool = False) -> None:
        device = self.organizer.make_device(
            [self.event, *others], gate="North", is_supervisor=is_supervisor
        )
        self.phone.page.goto(f"/door#pair={self.organizer.pairing_code(device)}")

    def type(self, text: str) -> None:
        """Scan a code with a scanner that types like a keyboard."""
        self.phone.page.keyboard.type(text)
        self.phone.page.keyboard.press("Enter")


@pytest.fixture
def door(stack: RunningStack, browser: Browser) -> Iterator[Door]:
    shop = Shop(stack)
    event = shop.publish_event(reentry="always")["id"]
    with browser.new_context(base_url=stack.url, locale="en") as context:
        yield Door(shop, Organizer(stack), event, Phone.with_camera(context))


def test_the_camera_for_a_pairing_code_says_that_a_ticket_is_none(door: Door):
    door.phone.page.goto("/door")

    door.press("Scan the pairing code")
    expect(door.find("#aim")).to_have_text("Point at the organizer's pairing code")
    door.phone.show(door.sell())
    expect(door.find("#aim")).to_contain_text("This is not a pairing code")
    door.press("Back")

    expect(door.find("#pair")).to_be_visible()


def test_staff_choose_the_event_first_and_then_see_for_which_one_a_ticket_is(door: Door):
    other = door.shop.publish_event(reentry="always")
    door.pair(other["id"])
    start = door.find("#start-go")
    expect(start).to_have_text("Choose the event first")
    expect(start).to_be_disabled()

    door.find("#start-events label").first.click()
    expect(start).to_have_text("Start")
    door.phone.start()

    assert door.phone.scan(door.shop.sell(other["id"]).ticket_codes[0]) == "For another event"
    expect(door.find("#answer-first")).to_contain_text(other["name"])


def test_a_steward_is_told_of_a_code_shown_twice_and_of_one_that_is_no_qr_code(door: Door):
    door.pair()
    door.phone.start()
    ticket = door.sell()
    # A scanner with Caps Lock types small letters.
    door.type(ticket.lower())
    assert door.phone.answer() == "Valid ticket"
    door.type(ticket)
    expect(door.find("#answer-why")).to_have_text("Already used")
    expect(door.find("#answer-do")).to_contain_text("This phone has just let it in.")
    door.phone.hide()

    door.press("Type a code")
    door.find("#typed").fill("YD8X2B-1")
    door.press("Check")

    expect(door.find("#sheet")).to_contain_text("a supervisor's phone finds the ticket")
    expect(door.find("#answer")).to_be_hidden()


def test_a_gate_set_to_leaving_says_so_stays_so_and_lets_a_guest_in_all_the_same(door: Door):
    door.pair()
    door.phone.start()
    ticket = door.sell()
    door.press("Leaving")
    door.phone.page.reload()
    door.phone.start()
    expect(door.find("#aim")).to_have_text("Leaving: scan the ticket")

    assert door.phone.scan(ticket) == "This ticket is not inside"
    door.type(ticket)
    door.press("Switch to “Entering” and check again")
    expect(door.find("#answer-why")).to_have_text("Valid ticket")
    door.phone.hide()
    door.press("Leaving")
    door.type(ticket)

    expect(door.find("#answer-why")).to_have_text("Left, and may come back in")


def test_a_supervisor_undoes_an_admission_after_its_answer_is_gone(door: Door):
    door.pair(is_supervisor=True)
    door.phone.start()
    assert door.phone.scan(door.sell()) == "Valid ticket"

    door.press("Menu")
    door.press("Last scans")
    door.press("Undo this admission")

    expect(door.find("#sheet li")).to_contain_text("Undone: the ticket is valid again")
    assert door.organizer.attendance(door.event)["admitted"] == 0


@pytest.mark.parametrize(
    ("has_light", "advice"),
    [(True, "Too dark here: tap “Light on”"), (False, "Too dark here: find some light")],
)
def test_a_picture_that_is_too_dark_is_said_to_be(door: Door, has_light: bool, advice: str):  # noqa: FBT001 - parametrized
    if has_light:
        door.phone.page.add_init_script(path=_HARDWARE)
    door.pair()
    door.phone.start()

    door.phone.page.evaluate("showCode(0, [], '#040404')")
    expect(door.find("#aim")).to_have_text(advice)
    door.phone.page.evaluate("showCode(0, [])")

    expect(door.find("#aim")).to_have_text("Point at the ticket's QR code")


def test_times_of_today_are_shown_without_a_day_on_a_phone_whose_clock_is_wrong(door: Door):
    door.phone.page.goto("/door")

    shown = door.phone.page.evaluate(_TIME_NOW)

    assert shown == ["just now", False]


_TIME_NOW = """
async () => {
  const load = (name) => import(`/static/tickets/door/${name}.js`);
  const [{ setAhead, now }, { showAgo, showTime }] = [await load("clock"), await load("words")];
  setAhead(26 * 3_600_000);
  const moment = new Date(now()).toISOString();
  return [showAgo(moment), /[a-z]{3}/.test(showTime(moment, "America/Sao_Paulo"))];
}
"""
