"""The devices at a door and the people who watch it, for `make night`."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from random import Random
from threading import Event as Signal
from typing import Any, Final
from uuid import uuid4

from ticketing.stack.serving import LOOPBACK

_GATES: Final = 8
_BATCH: Final = 200
# Of 100 requests, whose response is lost: the device sends them again.
_LOST: Final = 2
# Of its guests, each device lets out one of so many; every second of them comes back.
_LEAVES: Final = 10
# Of its admissions, each device undoes one of so many, and lets the guest in again.
_UNDONE: Final = 20
# As `live_door.js` does.
POLL_SECONDS: Final = 3

Send = Callable[[str, str, Any], Any]


@dataclass
class Device:
    """One device: what it scans, and what it was told."""

    number: int
    # The time of its scans without a network.
    scanned_at: str
    send: Send
    codes: list[str] = field(default_factory=list)
    # Codes that no other device scans.
    own: set[str] = field(default_factory=set)
    # The codes of orders whose guests come together.
    parties: list[list[str]] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def gate(self) -> str:
        return f"Gate {self.number % _GATES}"

    def scan_online(self, random: Random) -> None:
        """Scan each ticket while its guest waits, let some guests out, and undo mistakes."""
        for codes in self.parties:
            self._admit_party(codes, random)
        ids = {code: self._scan(code, random) for code in self.codes}
        for place, code in enumerate(sorted(self.own & set(ids))):
            if place % _UNDONE == 0:
                self._ask(f"/tickets/{ids[code]}/checkin/undo", {}, random)
                self.results["undone"] += 1
                self._scan(code, random)
            elif place % _LEAVES == 1:
                # By another gate.
                self._scan(code, random, gate=f"Gate {(self.number + 1) % _GATES}", way="exit")
                if place % (2 * _LEAVES) == 1:
                    self._scan(code, random)

    def upload(self, random: Random) -> None:
        """Upload what the device has admitted while it was offline."""
        scans = [
            {
                "code": code,
                "gate": self.gate,
                "scan_id": str(uuid4()),
                "scanned_at": self.scanned_at,
                "decision": "admitted",
            }
            for code in self.codes
        ]
        for start in range(0, len(scans), _BATCH):
            answer = self._ask("/door/scans", {"scans": scans[start : start + _BATCH]}, random)
            for found in answer["results"]:
                self.results[found["result"]] += 1
                self.results["conflict"] += found["conflict"]

    def _scan(self, code: str, random: Random, *, gate: str = "", way: str = "entry") -> str:
        """Scan a code online. Return the id of its ticket."""
        body = {
            "code": code,
            "gate": gate or self.gate,
            "scan_id": str(uuid4()),
            "direction": way,
        }
        answer = self._ask("/tickets/validate", body, random)
        result = "again" if answer.get("again") else answer.get("result") or answer["code"]
        self.results[result] += 1
        return str(answer["ticket"]["id"])

    def _admit_party(self, codes: list[str], random: Random) -> None:
        """Admit a whole order by the code of one of its tickets."""
        body = {"code": codes[0], "gate": self.gate, "scan_ids": [str(uuid4()) for _ in codes]}
        answer = self._ask("/door/parties", body, random)
        for found in answer["results"]:
            self.results[found["result"]] += 1

    def _ask(self, path: str, body: Any, random: Random) -> Any:
        began = time.perf_counter()
        answer = self.send("POST", path, body)
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        if random.randrange(100) < _LOST:
            again = self.send("POST", path, body)
            for each in (answer, again):
                each.pop("request_id", None)
                # How many of the order are left may have changed meanwhile.
                each.pop("party", None)
            if again != answer:
                raise AssertionError(f"A repeat was answered differently: {answer} {again}")
        return answer


@dataclass
class Viewer:
    """Somebody whose browser shows the live door, as its script does."""

    port: int
    page: str
    session: str
    address: str
    live_pass: str = ""
    milliseconds: list[float] = field(default_factory=list)
    page_milliseconds: list[float] = field(default_factory=list)

    def watch(self, over: Signal, delay: float) -> None:
        """Poll the figures until the night is over."""
        over.wait(delay)
        while not over.is_set():
            self.inside_now()
            over.wait(POLL_SECONDS)

    def open_page(self) -> str:
        """Load the whole page, which brings a new pass. Return its text."""
        began = time.perf_counter()
        status, page = self._get(self.page, {"Cookie": self.session})
        self.page_milliseconds.append((time.perf_counter() - began) * 1000)
        found = re.search('data-pass="([^"]+)"', page)
        if found is None:
            raise AssertionError(f"{status}: no live door for this session")
        self.live_pass = found[1]
        return page

    def inside_now(self) -> int:
        """Return how many guests are inside, as the page shows it."""
        began = time.perf_counter()
        status, part = self._get(f"{self.page}part/", {"X-Live-Pass": self.live_pass})
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        if status == 403:
            status, part = 200, self.open_page()
        numbers = re.search(r"live-numbers.*?<dd>(\d+)<", part, re.DOTALL)
        if status != 200 or numbers is None:
            raise AssertionError(f"{status}: {part[:200]}")
        return int(numbers[1])

    def _get(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        # A connection of its own for each poll: the server closes those that are idle.
        connection = HTTPConnection(LOOPBACK, self.port, timeout=60)
        try:
            connection.request("GET", path, headers={"X-Forwarded-For": self.address, **headers})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def sender(port: int, token: str, address: str) -> Send:
    """Return a function that sends JSON to the API as one device."""
    connection = HTTPConnection(LOOPBACK, port, timeout=60)
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "X-Forwarded-For": address,
    }

    def send(method: str, path: str, body: Any) -> Any:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, body=content, headers=headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status not in (200, 409):
            raise AssertionError(f"{response.status}: {answer}")
        return answer

    return send
