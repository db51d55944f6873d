"""The live door in the admin follows what happens, without a reload, and tells of conflicts."""

import re
import uuid
from datetime import timedelta
from typing import Any, LiteralString

import pytest
import requests
from playwright.sync_api import Browser, StorageState, expect

from tests.browser.door import Organizer
from tests.browser.shop import Shop
from ticketing import clock
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow

_SILENCE: LiteralString = """
UPDATE tickets_device SET last_seen_at = now() - interval '390 seconds'
WHERE id IN (SELECT device_id FROM tickets_device_events WHERE event_id = %(event)s)
"""


def pair(stack: RunningStack, organizer: Organizer, event: str, gate: str) -> str:
    """Return the token of a new device."""
    code = organizer.pairing_code(organizer.make_device([event], gate=gate))
    paired = requests.post(f"{stack.url}/devices/pair", json={"pairing_code": code}, timeout=60)
    return str(paired.json()["token"])


def ask(stack: RunningStack, token: str) -> None:
    """Ask for the state of the door, as a device does all the time."""
    headers = {"Authorization": f"Bearer {token}"}
    requests.get(f"{stack.url}/door/state", headers=headers, timeout=60).raise_for_status()


def upload(stack: RunningStack, token: str, code: str) -> Any:
    """Upload that a device without a network has let the ticket in."""
    scan = {"scan_id": str(uuid.uuid4()), "code": code, "decision": "admitted"}
    return requests.post(
        f"{stack.url}/door/scans",
        json={"scans": [scan]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()["results"][0]["result"]


def test_the_alert_of_a_silent_device_appears_on_the_open_page_and_goes_when_it_is_back(
    stack: RunningStack, browser: Browser, signed_in: StorageState
):
    shop, organizer = Shop(stack), Organizer(stack)
    starts_at = clock.now() + timedelta(minutes=10)
    ends_at = starts_at + timedelta(hours=3)
    event = shop.publish_event(starts_at=starts_at.isoformat(), ends_at=ends_at.isoformat())["id"]
    token = pair(stack, organizer, event, "North")
    ask(stack, token)
    with browser.new_context(base_url=stack.url, locale="en", storage_state=signed_in) as context:
        page = context.new_page()
        page.goto(f"/admin/tickets/device/live/{event}/")
        expect(page.get_by_role("main")).to_contain_text("online")
        alert = page.locator("[data-alert^=device]")
        expect(alert).to_have_count(0)

        shop.change_record(_SILENCE, event=event)

        expect(alert).to_contain_text("has been silent for 6 minutes", timeout=15_000)
        expect(page.get_by_role("alert")).to_contain_text("Phone North (North) has been silent")
        expect(page).to_have_title(re.compile(r"^\(1\) "))
        ask(stack, token)
        expect(alert).to_have_count(0, timeout=15_000)


def test_a_conflict_appears_on_the_open_page_and_goes_when_it_was_seen(
    stack: RunningStack, browser: Browser, signed_in: StorageState
):
    shop, organizer = Shop(stack), Organizer(stack)
    event = shop.publish_event()["id"]
    code = shop.sell(event).ticket_codes[0]
    north, south = (pair(stack, organizer, event, gate) for gate in ("North", "South"))
    with browser.new_context(
        base_url=stack.url,
        locale="en",
        storage_state=signed_in,
        viewport={"width": 390, "height": 800},
    ) as context:
        page = context.new_page()
        page.goto(f"/admin/tickets/device/live/{event}/")
        numbers = page.locator(".live-numbers dd")
        expect(numbers.nth(0)).to_have_text("0")

        assert [upload(stack, token, code) for token in (north, south)] == [
            "admitted",
            "already_used",
        ]

        expect(numbers).to_have_text(["1", re.compile("^1 of"), "0", "1"], timeout=15_000)
        expect(page).to_have_title(re.compile(r"^\(1\) "))
        expect(page.get_by_role("alert")).to_contain_text("has let in two guests")
        page.get_by_role("button", name="Mark the conflict of ticket").click()
        expect(page.locator("[data-alert]")).to_have_count(0)
        expect(page).not_to_have_title(re.compile(r"^\("))
