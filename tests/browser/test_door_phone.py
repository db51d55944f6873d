"""What the door's page does with a phone: its cameras, sound, keyboard, and its home screen."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.door import Organizer, Phone
from tests.browser.shop import Shop
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_FOLDER = Path(__file__).parent


@pytest.fixture
def event(stack: RunningStack) -> str:
    return str(Shop(stack).publish_event()["id"])


@pytest.fixture
def phone(stack: RunningStack, browser: Browser, event: str) -> Iterator[Phone]:
    """Return a phone with two cameras and a noted sound, which is not paired yet."""
    with browser.new_context(base_url=stack.url, locale="en") as context:
        phone = Phone.with_camera(context)
        phone.page.add_init_script(path=_FOLDER / "door_cameras.js")
        phone.page.add_init_script(path=_FOLDER / "door_sound.js")
        yield phone


def pair(phone: Phone, stack: RunningStack, event: str) -> None:
    organizer = Organizer(stack)
    phone.prepare(organizer.pairing_code(organizer.make_device([event], gate="North")))


def wait_for_cameras(page: Page, asked: list[str]) -> None:
    for _ in range(100):
        if page.evaluate("asked") == asked:
            return
        page.wait_for_timeout(50)
    assert page.evaluate("asked") == asked


def test_another_camera_is_used_remembered_and_has_a_light_of_its_own(
    phone: Phone, stack: RunningStack, event: str
):
    pair(phone, stack, event)
    page, light = phone.page, phone.page.locator("#light")
    wait_for_cameras(page, ["environment"])
    expect(light).to_be_visible()

    page.get_by_role("button", name="Other camera").click()
    wait_for_cameras(page, ["environment", "front"])
    expect(light).to_be_hidden()
    page.reload()
    phone.start()
    wait_for_cameras(page, ["front"])
    page.get_by_role("button", name="Menu").click()
    page.get_by_label("Camera").select_option("back")
    page.get_by_role("button", name="Close").click()

    wait_for_cameras(page, ["front", "back"])
    expect(light).to_be_visible()
    assert phone.scan("no ticket") == "Not one of our tickets"


def test_a_camera_that_was_taken_away_is_started_again_with_its_light(
    phone: Phone, stack: RunningStack, event: str
):
    pair(phone, stack, event)
    page, light = phone.page, phone.page.locator("#light")
    light.click()
    expect(light).to_have_text("Light off")

    page.evaluate("takeCamera()")

    wait_for_cameras(page, ["environment", "environment"])
    expect(light).to_have_text("Light off")
    assert phone.scan("no ticket") == "Not one of our tickets"


def test_each_tone_sounds_and_vibrates_in_its_own_way_until_staff_turn_it_off(
    phone: Phone, stack: RunningStack, event: str
):
    shop = Shop(stack)
    ticket = shop.sell(event).ticket_codes[0]
    of_other = shop.sell(shop.publish_event()["id"]).ticket_codes[0]
    pair(phone, stack, event)
    page = phone.page
    taken = "[played.splice(0), vibrated.splice(0)]"
    noted = []
    for code in (ticket, "no ticket", of_other):
        phone.scan(code)
        noted.append(page.evaluate(taken))

    page.get_by_role("button", name="Menu").click()
    page.get_by_label("Sound").uncheck()
    page.get_by_label("Vibration").uncheck()
    page.get_by_role("button", name="Close").click()
    phone.scan("another text")

    assert noted == [
        [[880, 1320], [[60]]],
        [[220, 165], [[180, 90, 180]]],
        [[440, 440], [[90, 70, 90]]],
    ]
    assert page.evaluate(taken) == [[], []]


def test_a_scanner_that_types_is_told_from_people_and_fields(phone: Phone):
    phone.page.goto("/door")

    assert phone.page.evaluate((_FOLDER / "door_keyboard.js").read_text()) == {
        "scanner": ["T1:ABC $%*+-./:", "https://example.com/a"],
        "short": [],
        "caps lock": ["T1:ABCDEF0"],
        "with shift keys": ["T1:ABCDEFG"],
        "spaces before": ["T1:ABCDEF"],
        "in a field": [],
        "shortcuts": [],
        "after a pause": ["T1:12345678"],
        "other letters": ["é日本語कखगघ"],
    }


def test_a_browser_may_install_the_page_which_its_service_worker_controls(
    phone: Phone, stack: RunningStack, event: str
):
    pair(phone, stack, event)
    page = phone.page
    page.reload()
    worker = page.evaluate("navigator.serviceWorker.controller?.scriptURL")
    devtools = page.context.new_cdp_session(page)

    manifest = devtools.send("Page.getAppManifest")
    obstacles = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]

    assert worker == f"{stack.url}/door/sw.js"
    assert (manifest["url"], manifest["errors"]) == (f"{stack.url}/door/manifest.webmanifest", [])
    # A test has no profile in which anything could be installed.
    assert {each["errorId"] for each in obstacles} <= {"in-incognito"}
