"""The door's page on phones with a camera: pairing, scanning, and scanning without a network."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, StorageState, expect

from tests.browser.conftest import CHROMIUM
from tests.browser.door import Organizer, Phone, film
from tests.browser.shop import Shop
from tests.browser.test_accessibility import faults_on
from tests.tickets.door.make_vectors import VECTORS
from ticketing.stack.running import RunningStack
from tickets.codes import read_ticket_id

pytestmark = pytest.mark.slow

_JUDGE = Path(__file__).parent / "door_vectors.js"
_DECIDE = Path(__file__).parent / "door_rules.js"


@pytest.fixture
def phones(stack: RunningStack, browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(
        base_url=stack.url, locale="en", viewport={"width": 360, "height": 740}
    ) as context:
        yield context


@contextmanager
def a_phone(stack: RunningStack, browser: Browser) -> Iterator[Phone]:
    with browser.new_context(base_url=stack.url, locale="en") as context:
        yield Phone.with_camera(context)


@contextmanager
def stopped_web_server(stack: RunningStack) -> Iterator[None]:
    """Let the web server answer nobody, then kill it, so that the stack starts it again."""
    web = psutil.Process(stack.pid("web"))
    processes = [web, *web.children(recursive=True)]
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in reversed(processes):
            each.kill()


@pytest.fixture
def film_of_camera(tmp_path: Path) -> Path:
    path = tmp_path / "camera.mjpeg"
    film(path, "nothing yet")
    return path


@pytest.fixture
def camera(browser: Browser, film_of_camera: Path) -> Iterator[Browser]:
    """Start another browser, whose camera shows a film. The film can be changed."""
    flags = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film_of_camera}",
    ]
    started = browser.browser_type.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", *flags]
    )
    yield started
    started.close()


def test_a_camera_pairs_a_phone_and_admits_a_ticket_once(
    stack: RunningStack, camera: Browser, film_of_camera: Path
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    ticket = shop.sell(event).ticket_codes[0]
    device = organizer.make_device([event], gate="North")
    film(film_of_camera, f"{stack.url}/door#pair={organizer.pairing_code(device)}")
    with camera.new_context(base_url=stack.url, locale="en") as context:
        phone = Phone(context.new_page())
        phone.page.goto("/door")
        phone.page.get_by_role("button", name="Scan the pairing code").click()
        phone.start()

        film(film_of_camera, ticket)
        answers = []
        for _ in range(2):
            # The camera of a page that was loaded again shows the new film.
            phone.page.reload()
            phone.start()
            answers.append((phone.answer(), phone.tone))

        assert answers == [("Valid ticket", "good"), ("Already used", "bad")]
        expect(phone.page.locator("#answer-first")).to_contain_text("North · Phone North")


def test_each_code_that_must_not_pass_is_refused_with_its_reason(
    stack: RunningStack, phones: BrowserContext
):
    shop, organizer = Shop(stack), Organizer(stack)
    event, other = shop.publish_event()["id"], shop.publish_event()["id"]
    good, revoked = shop.sell(event, quantity=2).ticket_codes
    of_other = shop.sell(other).ticket_codes[0]
    organizer.revoke_ticket(str(read_ticket_id(revoked)))
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")
    phone = Phone.with_camera(phones)

    phone.pair(organizer.pairing_code(organizer.make_device([event], gate="North")))

    assert phone.page.url == f"{stack.url}/door"
    assert phone.scan(forged) == "Not one of our tickets"
    assert phone.scan("https://example.com") == "Not one of our tickets"
    assert phone.scan(of_other) == "For another event"
    assert phone.scan(revoked) == "Not valid any more"
    # A scanner that types like a keyboard.
    phone.page.keyboard.type(good)
    phone.page.keyboard.press("Enter")
    assert phone.answer() == "Valid ticket"


def test_a_revoked_phone_says_so_and_forgets_everything(
    stack: RunningStack, phones: BrowserContext
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    phone, device = Phone.with_camera(phones), organizer.make_device([event], gate="North")
    phone.pair(organizer.pairing_code(device))

    organizer.revoke_device(device)
    phone.show(shop.sell(event).ticket_codes[0])

    expect(phone.page.get_by_text("This phone is no longer a door scanner")).to_be_visible()
    left = "indexedDB.databases().then((all) => all.map((each) => each.name))"
    assert phone.page.evaluate(left) == ["door"]
    assert phone.page.evaluate(_COUNT_STORED) == 0


def test_a_link_makes_no_other_device_of_a_phone_until_somebody_presses(
    stack: RunningStack, phones: BrowserContext
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    north, south = (organizer.make_device([event], gate=gate) for gate in ("North", "South"))
    phone = Phone.with_camera(phones)
    phone.pair(organizer.pairing_code(north))
    link = f"/door#pair={organizer.pairing_code(south)}"

    phone.page.goto("about:blank")
    phone.page.goto(link)
    expect(phone.page.get_by_text("the door scanner “Phone North” already")).to_be_visible()
    phone.page.reload()
    phone.start()
    still = phone.page.locator("#place").inner_text()
    phone.page.goto("about:blank")
    phone.page.goto(link)
    phone.page.get_by_role("button", name="Pair this phone").click()
    phone.start()

    assert still.startswith("North")
    expect(phone.page.locator("#place")).to_contain_text("South")


def test_a_supervisor_admits_a_group_at_once_and_a_guest_without_a_code(
    stack: RunningStack, browser: Browser
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    group, alone = shop.sell(event, quantity=3), shop.sell(event)
    device = organizer.make_device([event], gate="North", is_supervisor=True)
    # Tests add axe as an element, which the page's own policy refuses.
    with browser.new_context(base_url=stack.url, locale="en", bypass_csp=True) as context:
        phone = Phone.with_camera(context)
        page = phone.page
        phone.pair(organizer.pairing_code(device))
        assert faults_on(page) == []

        phone.show(group.ticket_codes[1])
        page.get_by_role("button", name="Admit the whole group: 2 more").click()
        expect(page.locator("#answer-why")).to_have_text("3 guests may enter")
        assert faults_on(page) == []
        phone.hide()
        page.get_by_role("button", name="Find a guest").click()
        page.get_by_label("Name, order code or email").fill(alone.code)
        page.get_by_role("button", name="Find", exact=True).click()
        guest = page.locator("#sheet li")
        guest.get_by_text("Admit by hand").click()
        assert faults_on(page) == []
        guest.get_by_role("button", name="The code cannot be read").click()
        expect(guest).to_contain_text("Entered at")
        guest.get_by_role("button", name="Undo this admission").click()
        expect(guest).to_contain_text("Not yet entered")

    assert organizer.attendance(event)["admitted"] == 3


def test_a_gate_that_confirms_first_admits_nobody_by_itself(
    stack: RunningStack, phones: BrowserContext
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event(confirm_first=True)["id"]
    ticket = shop.sell(event).ticket_codes[0]
    phone = Phone.with_camera(phones)
    phone.prepare(organizer.pairing_code(organizer.make_device([event], gate="North")))

    phone.show(ticket)
    expect(phone.page.locator("#answer-word")).to_have_text("ADMIT?")
    assert organizer.attendance(event)["admitted"] == 0
    phone.page.get_by_role("button", name="Admit", exact=True).click()

    assert phone.answer() == "Valid ticket"
    assert organizer.attendance(event)["admitted"] == 1


def test_a_phone_alone_decides_by_the_rules_of_the_event(
    stack: RunningStack, phones: BrowserContext
):
    inside, outside = {"status": "used", "inside": True}, {"status": "used", "inside": False}
    yesterday = {**inside, "hours_ago": 24}
    rules: list[tuple[dict[str, Any], str]] = [
        ({}, "admitted"),
        # The codes of a postponed event have ended: its new date counts.
        ({"ended_for": 11}, "admitted"),
        ({"ended_for": 13}, "closed"),
        ({"opens_in": 1}, "not_yet_open"),
        ({"expires_in": 0}, "data_too_old"),
        ({"event": {"cancelled": True}}, "event_cancelled"),
        ({"event": {"gate_types": [2]}}, "wrong_gate"),
        ({"event": {"gate_types": [2, 1]}}, "admitted"),
        ({"known": {"status": "revoked"}}, "revoked"),
        ({"known": outside}, "already_used"),
        ({"known": inside, "event": {"reentry": "always"}}, "already_used"),
        ({"known": outside, "event": {"reentry": "always"}}, "admitted"),
        ({"known": inside, "event": {"reentry": "once_a_day"}}, "already_used"),
        ({"known": yesterday, "event": {"reentry": "once_a_day"}}, "admitted"),
        ({"direction": "exit"}, "not_inside"),
        ({"direction": "exit", "known": outside}, "not_inside"),
        ({"direction": "exit", "known": inside, "event": {"gate_types": [2]}}, "exited"),
        ({"direction": "exit", "known": inside, "event": {"cancelled": True}}, "exited"),
    ]
    page = phones.new_page()
    page.goto("/door")

    decided = page.evaluate(_DECIDE.read_text(), [case for case, _ in rules])

    assert decided == [result for _, result in rules]


def test_a_phone_knows_where_guests_are_and_when_they_entered(phones: BrowserContext):
    page = phones.new_page()
    page.goto("/door")
    part = {"used": ["a", "b"], "outside": ["b"], "entered": {"a": 1_800_000_000}, "revoked": ["c"]}

    known = page.evaluate(
        "async (part) => (await import('/static/tickets/door/bundle.js')).changedTickets(part)",
        part,
    )

    assert known == [
        {"id": "a", "status": "used", "inside": True, "enteredAt": 1_800_000_000_000},
        {"id": "b", "status": "used", "inside": False, "enteredAt": None},
        {"id": "c", "status": "revoked"},
    ]


def test_two_gates_without_a_server_admit_alone_and_report_each_scan_once(
    stack: RunningStack, browser: Browser, signed_in: StorageState
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    both, first, second, online = shop.sell(event, quantity=4).ticket_codes
    with (
        a_phone(stack, browser) as north,
        a_phone(stack, browser) as south,
    ):
        for phone, gate in ((north, "North"), (south, "South")):
            device = organizer.make_device([event], gate=gate)
            phone.prepare(organizer.pairing_code(device))
        assert north.scan(online) == "Valid ticket"

        with stopped_web_server(stack):
            # Nothing but silence tells the phones, and one of them is loaded again.
            assert north.scan(both) == "Valid ticket"
            assert south.scan(both) == "Valid ticket"
            assert south.scan(first) == "Valid ticket"
            expect(south.page.locator("#link-more")).to_contain_text("2 scans to send")
            north.page.reload()
            north.start()
            kept = set(north.page.evaluate(_KEPT))
            assert north.scan(second) == "Valid ticket"
            assert [north.scan(each) for each in (both, online)] == ["Already used"] * 2
            assert north.page.locator("#link-text").inner_text() == "Offline"
            expect(north.page.locator("#link-more")).to_contain_text("4 scans to send")

        for phone in (north, south):
            expect(phone.page.locator("#link-text")).to_have_text("Online", timeout=60_000)
            expect(phone.page.locator("#link-more")).to_be_hidden(timeout=60_000)
        for phone in (north, south):
            # At the next sign of life both know of it, whoever reported last.
            phone.page.locator("#link").click()
            phone.page.locator("#conflict-bar").click()
            item = phone.page.locator("#sheet li")
            expect(item).to_contain_text("North")
            expect(item).to_contain_text("South")

    with browser.new_context(base_url=stack.url, storage_state=signed_in) as office:
        live = office.new_page()
        live.goto(f"/admin/tickets/device/live/{event}/")
        expect(live.get_by_role("main")).to_contain_text("Phone South")
        expect(live.locator("[data-alert^=conflict]")).to_have_count(1)
    # The copy has the page and its files, and nothing that the server said to a phone.
    assert {path for path in kept if not path.startswith("/static/tickets/door/")} == {
        "/door",
        "/door/decoder.js",
    }
    attendance = organizer.attendance(event)
    # Online one; without the server three, one of them at both gates, and two refusals.
    figures = [attendance[name] for name in ("admitted", "refused", "conflicts")]
    assert figures == [4, 2, 1]
    by_gate = attendance["gates"]
    assert figures == [
        sum(each[name] for each in by_gate) for name in ("admitted", "refused", "conflicts")
    ]


def test_an_answer_is_fast_with_the_server_and_without(
    stack: RunningStack, phones: BrowserContext, capsys: pytest.CaptureFixture[str]
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    codes = shop.sell(event, quantity=10).ticket_codes
    phone = Phone.with_camera(phones)
    phone.prepare(organizer.pairing_code(organizer.make_device([event], gate="North")))

    online = [phone.measure(code) for code in codes[:5]]
    phones.set_offline(offline=True)
    expect(phone.page.locator("#link[data-link=offline]")).to_be_visible()
    offline = [phone.measure(code) for code in codes[5:]]

    with capsys.disabled():
        print(f"\nFrom a code in view to the answer, median of {len(online)}:", end=" ")  # noqa: T201
        print(f"{median(online):.0f} ms online, {median(offline):.0f} ms offline")  # noqa: T201
    assert median(online) < 300
    assert median(offline) < 100


def test_a_phone_judges_each_code_as_the_server_does(stack: RunningStack, phones: BrowserContext):
    vectors = json.loads(VECTORS.read_text())
    page = phones.new_page()
    page.goto("/door")

    judged = page.evaluate(_JUDGE.read_text(), vectors)

    expected = [each["result"] for each in vectors["codes"]]
    assert judged == {"browser": expected, "library": expected}


_KEPT = """
caches.keys()
  .then((names) => Promise.all(names.map(async (name) => (await caches.open(name)).keys())))
  .then((all) => all.flat().map((request) => new URL(request.url).pathname))
"""
_COUNT_STORED = """
new Promise((resolve) => {
  indexedDB.open("door").onsuccess = ({ target: { result: database } }) => {
    const names = [...database.objectStoreNames];
    const stores = database.transaction(names);
    let count = 0;
    names.forEach((name) => {
      stores.objectStore(name).count().onsuccess = (event) => { count += event.target.result; };
    });
    stores.oncomplete = () => resolve(count);
  };
})
"""
