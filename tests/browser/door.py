"""Phones at the door: what is in front of their cameras, and what they show."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import requests
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from ticketing.stack.running import RunningStack
from tickets.pictures import render_png, squares_of

_TIMEOUT_SECONDS: Final = 60
_FRAME: Final = (1280, 720)
_CAMERA: Final = Path(__file__).parent / "door_camera.js"


def film(path: Path, text: str) -> None:
    """Let Chromium's fake camera show a QR code from its next start on."""
    picture = Image.new("RGB", _FRAME, "#777")
    with Image.open(io.BytesIO(render_png(text))) as code:
        picture.paste(code.convert("RGB"), ((_FRAME[0] - code.width) // 2, 100))
    frame = io.BytesIO()
    picture.save(frame, "jpeg", quality=85)
    new = path.with_suffix(".new")
    new.write_bytes(frame.getvalue() * 2)
    # At once: the camera may be reading the old file.
    new.rename(path)


@dataclass(frozen=True, slots=True)
class Phone:
    """A page of the door, paired or not."""

    page: Page

    @classmethod
    def with_camera(cls, context: BrowserContext) -> Self:
        """Return a phone whose camera shows what `scan` puts in front of it."""
        page = context.new_page()
        page.add_init_script(path=_CAMERA)
        return cls(page)

    def pair(self, code: str) -> None:
        """Open the link of a pairing code, and start."""
        self.page.goto(f"/door#pair={code}")
        self.start()

    def prepare(self, code: str) -> None:
        """Pair, and start when the phone can go on without a network."""
        self.page.goto(f"/door#pair={code}")
        expect(self.page.get_by_text("Ready: this phone can go on alone")).to_be_visible()
        self.start()

    def start(self) -> None:
        """Press the button of the first screen, and wait for the camera."""
        self.page.locator("#start-go").click()
        expect(self.page.locator("#aim")).to_be_visible()

    def show(self, text: str) -> float:
        """Put a code in front of the camera. Return when, by the page's clock, in milliseconds."""
        side, squares = squares_of(text)
        return float(
            self.page.evaluate("([side, squares]) => showCode(side, squares)", [side, squares])
        )

    def hide(self) -> None:
        """Take the code away, and the answer."""
        self.page.evaluate("() => showCode(0, [])")
        self.page.locator("#answer-word").click()

    def scan(self, text: str) -> str:
        """Scan a code and return the reason that the phone shows."""
        self.show(text)
        why = self.answer()
        self.hide()
        return why

    def measure(self, text: str) -> float:
        """Scan a code. Return the milliseconds from when it was in view to when its answer was."""
        shown_at = self.show(text)
        self.answer()
        answered_at = float(self.page.evaluate("() => answeredAt"))
        self.hide()
        return answered_at - shown_at

    def answer(self) -> str:
        """Wait for an answer and return the reason that it shows."""
        expect(self.page.locator("#answer:not([data-tone=ask])")).to_be_visible()
        return self.page.locator("#answer-why").inner_text()

    @property
    def tone(self) -> str:
        return self.page.locator("#answer").get_attribute("data-tone") or ""


@dataclass(frozen=True, slots=True)
class Organizer:
    """The demo's organizer, who gives phones to door staff."""

    stack: RunningStack

    def make_device(
        self, events: list[str], *, gate: str, name: str = "", is_supervisor: bool = False
    ) -> str:
        """Return the id of a new device."""
        fields = {"name": name or f"Phone {gate}", "gate": gate, "events": events}
        return str(self._post("/devices", {**fields, "is_supervisor": is_supervisor})["id"])

    def pairing_code(self, device: str) -> str:
        return str(self._post(f"/devices/{device}/pairing", {})["pairing_code"])

    def revoke_device(self, device: str) -> None:
        self._post(f"/devices/{device}/revoke", {})

    def revoke_ticket(self, ticket: str) -> None:
        self._post(f"/tickets/{ticket}/revoke", {})

    def attendance(self, event: str) -> dict[str, Any]:
        return self._send("GET", f"/events/{event}/attendance")

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._send("POST", path, json=body)

    def _send(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        response = requests.request(
            method,
            f"{self.stack.url}{path}",
            headers={"Authorization": f"Bearer {self.stack.addresses['api_token']}"},
            timeout=_TIMEOUT_SECONDS,
            **body,
        )
        assert response.ok, f"{path}: {response.status_code} {response.text[:500]}"
        document: dict[str, Any] = response.json()
        return document
