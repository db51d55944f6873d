"""The live door in the admin follows what happens, without a reload, and tells of conflicts."""

import re
import uuid
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, StorageState, expect

from tests.browser.door import Organizer
from tests.browser.shop import Shop
from ticketing.stack.running import RunningStack

pytestmark = pytest.mark.slow


def pair(stack: RunningStack, organizer: Organizer, event: str, gate: str) -> str:
    """Return the token of a new device."""
    code = organizer.pairing_code(organizer.make_device([event], gate=gate))
    paired = requests.post(f"{stack.url}/devices/pair", json={"pairing_code": code}, timeout=60)
    return str(paired.json()["token"])


def upload(stack: RunningStack, token: str, code: str) -> Any:
    """Upload that a device without a network has let the ticket in."""
    scan = {"scan_id": str(uuid.uuid4()), "code": code, "decision": "admitted"}
    return requests.post(
        f"{stack.url}/door/scans",
        json={"scans": [scan]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    ).json()["results"][0]["result"]


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
