"""
`make night`: a whole night at the door, against a stack with production settings.

Devices scan all tickets of an event at their gates. Some work online, the others were offline and
upload what they have admitted. Some tickets are shown at two gates, and some responses get lost and
are asked for again. Each ticket must be admitted exactly once, and each scan recorded once.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import uuid4

from tests.bench.stack import BenchStack
from ticketing.stack.environment import inherited_environment
from ticketing.stack.serving import LOOPBACK

_GATES: Final = 8
_BATCH: Final = 200
# Of 100 tickets, shown once more at another gate.
_SHOWN_TWICE: Final = 5
# Of 100 requests, whose response is lost: the device sends them again.
_LOST: Final = 2


@dataclass
class Device:
    """One device: what it scans, and what it was told."""

    number: int
    # The time of its scans without a network.
    scanned_at: str
    send: Callable[[str, str, Any], Any]
    codes: list[str] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list)

    @property
    def gate(self) -> str:
        return f"Gate {self.number % _GATES}"

    def scan_online(self, random: Random) -> None:
        """Scan each ticket while its guest waits."""
        for code in self.codes:
            body = {"code": code, "gate": self.gate, "scan_id": str(uuid4())}
            answer = self._ask("/tickets/validate", body, random)
            self.results[answer.get("result") or answer["code"]] += 1

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


def main() -> int:
    """Run the night. Return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.night", description=__doc__)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ.update(inherited_environment())
    with tempfile.TemporaryDirectory(prefix="bilheteria-night-") as folder:
        stack = BenchStack(Path(folder))
        try:
            stack.start()
            report = _run(stack, arguments)
        finally:
            stack.stop()
            stack.delete()
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 1 if report["broken"] else 0


def _run(stack: BenchStack, arguments: argparse.Namespace) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the imports below need the settings of the started stack

    django.setup()
    from tests.bench import data  # noqa: PLC0415
    from ticketing import clock  # noqa: PLC0415

    random = Random(arguments.seed)  # noqa: S311 - a repeatable night, not a secret
    event = data.make_event(data.make_organizer(), number=0)
    codes = list(data.make_codes(event, arguments.tickets))
    scanned_at = clock.now().isoformat()
    tokens = [data.make_device(event) for _ in range(arguments.devices)]
    devices = [
        Device(number, scanned_at, _sender(stack.port, token, f"10.1.0.{number + 1}"))
        for number, token in enumerate(tokens)
    ]
    twice = _hand_out(codes, devices, random)
    began = time.perf_counter()
    _run_all(devices, random)
    seconds = time.perf_counter() - began
    # By a new connection: the server has closed those that were idle.
    state = _sender(stack.port, tokens[0], "10.1.0.1")("GET", "/door/state", None)
    results = sum((device.results for device in devices), Counter[str]())
    times = sorted(each for device in devices[::2] for each in device.milliseconds)
    return {
        "devices": len(devices),
        "tickets": len(codes),
        "scans": len(codes) + twice,
        "seconds": round(seconds, 1),
        "scans per second": round((len(codes) + twice) / seconds),
        "online, median ms": round(times[len(times) // 2], 1),
        "online, p99 ms": round(times[int(len(times) * 0.99)], 1),
        "results": dict(results),
        "broken": _check(event.pk, len(codes), twice, results, state["events"][0]["counts"]),
    }


def _hand_out(codes: list[str], devices: Sequence[Device], random: Random) -> int:
    """Give each ticket to one device, and some to a second one at another gate."""
    shuffled = random.sample(codes, len(codes))
    for place, code in enumerate(shuffled):
        devices[place % len(devices)].codes.append(code)
    twice = len(codes) * _SHOWN_TWICE // 100
    for place in random.sample(range(len(codes)), twice):
        first = devices[place % len(devices)]
        second = random.choice([each for each in devices if each.gate != first.gate])
        second.codes.append(shuffled[place])
    for device in devices:
        random.shuffle(device.codes)
    return twice


def _run_all(devices: Sequence[Device], random: Random) -> None:
    seeds = [random.random() for _ in devices]

    def work(place: int) -> None:
        device, own = devices[place], Random(seeds[place])  # noqa: S311 - as above
        # Devices with an even number are online.
        device.upload(own) if place % 2 else device.scan_online(own)

    with ThreadPoolExecutor(len(devices)) as pool:
        list(pool.map(work, range(len(devices))))


def _check(
    event_id: Any, tickets: int, twice: int, results: Counter[str], counts: dict[str, int]
) -> list[str]:
    """Return the promises that were broken."""
    from tickets.models import Scan, ScanResult, Ticket, TicketStatus  # noqa: PLC0415

    scans = Scan.objects.filter(event_id=event_id)
    admitted = scans.filter(result=ScanResult.ADMITTED)
    conflicts = scans.filter(conflict=True).count()
    found = {
        "each ticket is used": (
            Ticket.objects.filter(event_id=event_id, status=TicketStatus.USED).count(),
            tickets,
        ),
        "each ticket was admitted once": (admitted.count(), tickets),
        "by one scan each": (admitted.values("ticket").distinct().count(), tickets),
        "each scan is on record once": (scans.count(), tickets + twice),
        "devices were told of each admission": (results["admitted"], tickets),
        "and of each refusal": (results["already_used"], twice),
        "and of each conflict": (results["conflict"], conflicts),
        "the figures are exact": (
            (counts["inside"], counts["admitted"], counts["refused"]),
            (tickets, tickets, twice - conflicts),
        ),
    }
    return [f"{name}: {seen}, not {due}" for name, (seen, due) in found.items() if seen != due]


def _sender(port: int, token: str, address: str) -> Callable[[str, str, Any], Any]:
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


if __name__ == "__main__":
    sys.exit(main())
