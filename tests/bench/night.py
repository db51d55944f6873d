"""
`make night`: a whole night at the door, against a stack with production settings.

Devices scan all tickets of an event at their gates. Some work online, the others were offline and
upload what they have admitted. Some tickets are shown at two gates, some orders enter together,
some guests leave and come back, some admissions are undone, and some responses get lost and are
asked for again. Viewers watch the live door meanwhile. Each ticket must be admitted exactly once,
each scan recorded once, and the figures of each gate must be exact.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from threading import Event as Signal
from typing import Any, Final

from tests.bench.door_crowd import POLL_SECONDS, Device, Viewer, sender
from tests.bench.stack import BenchStack
from ticketing.stack.environment import inherited_environment

# Of 100 tickets, shown once more at another gate.
_SHOWN_TWICE: Final = 5
# Of 100 orders, whose guests enter together.
_TOGETHER: Final = 10
_IN_AN_ORDER: Final = 4
# Each process shows its own reading for up to ten seconds (`tickets.door.shared`).
_SHOWN_WITHIN_SECONDS: Final = 20


def main() -> int:
    """Run the night. Return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.night", description=__doc__)
    parser.add_argument("--devices", type=int, default=50)
    parser.add_argument("--tickets", type=int, default=20_000)
    parser.add_argument("--viewers", type=int, default=0)
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
    from events.models import Event, Reentry  # noqa: PLC0415
    from tests.bench import data  # noqa: PLC0415
    from ticketing import clock  # noqa: PLC0415
    from tickets.models import Device as DeviceRow  # noqa: PLC0415

    random = Random(arguments.seed)  # noqa: S311 - a repeatable night, not a secret
    event = data.make_event(data.make_organizer(), number=0)
    Event.objects.filter(pk=event.pk).update(reentry=Reentry.ALWAYS)
    codes = list(data.make_codes(event, arguments.tickets))
    scanned_at = clock.now().isoformat()
    tokens = [data.make_device(event) for _ in range(arguments.devices)]
    DeviceRow.objects.update(is_supervisor=True)
    devices = [
        Device(number, scanned_at, sender(stack.port, token, f"10.1.0.{number + 1}"))
        for number, token in enumerate(tokens)
    ]
    twice = _hand_out(codes, devices, random)
    viewers = _make_viewers(stack.port, event.pk, arguments.viewers)
    for viewer in viewers:
        viewer.open_page()
    with _watched(viewers):
        began = time.perf_counter()
        _run_all(devices, random)
        seconds = time.perf_counter() - began
    results = sum((device.results for device in devices), Counter[str]())
    times = [each for device in devices[::2] for each in device.milliseconds]
    polls = [each for viewer in viewers for each in viewer.milliseconds]
    # A page is loaded again when its pass has ended, each minute.
    pages = [each for viewer in viewers for each in viewer.page_milliseconds[1:]]
    scans = len(codes) + twice + results["undone"] + results["exited"] + results["again"]
    return {
        "devices": len(devices),
        "tickets": len(codes),
        "scans": scans,
        "seconds": round(seconds, 1),
        "scans per second": round(scans / seconds),
        "online": _spread(times),
        "viewers": len(viewers),
        "polls of the live door": {"count": len(polls), **_spread(polls)},
        "pages of the live door": {"count": len(pages), **_spread(pages)},
        "results": dict(results),
        "broken": [
            *_check(event.pk, len(codes), twice, scans, results),
            *_check_figures(event.pk, devices, viewers),
        ],
    }


def _spread(milliseconds: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile."""
    times = sorted(milliseconds) or [0.0]
    return {
        "median ms": round(times[len(times) // 2], 1),
        "p99 ms": round(times[int(len(times) * 0.99)], 1),
    }


def _hand_out(codes: list[str], devices: Sequence[Device], random: Random) -> int:
    """Give each ticket to one device, and some to a second one at another gate."""
    orders = [codes[at : at + _IN_AN_ORDER] for at in range(0, len(codes), _IN_AN_ORDER)]
    together = len(orders) * _TOGETHER // 100
    # Devices with an even number are online.
    for place, party in enumerate(orders[:together]):
        devices[::2][place % len(devices[::2])].parties.append(party)
    alone = [code for order in orders[together:] for code in order]
    random.shuffle(alone)
    for place, code in enumerate(alone):
        devices[place % len(devices)].codes.append(code)
        devices[place % len(devices)].own.add(code)
    twice = len(codes) * _SHOWN_TWICE // 100
    for place in random.sample(range(len(alone)), twice):
        first = devices[place % len(devices)]
        second = random.choice([each for each in devices if each.gate != first.gate])
        first.own.discard(alone[place])
        second.codes.append(alone[place])
    for device in devices:
        random.shuffle(device.codes)
    return twice


def _run_all(devices: Sequence[Device], random: Random) -> None:
    seeds = [random.random() for _ in devices]

    def work(place: int) -> None:
        device, own = devices[place], Random(seeds[place])  # noqa: S311 - as above
        device.upload(own) if place % 2 else device.scan_online(own)

    with ThreadPoolExecutor(len(devices)) as pool:
        list(pool.map(work, range(len(devices))))


def _make_viewers(port: int, event_id: Any, count: int) -> list[Viewer]:
    """Return viewers of an event's live door, all with the session of one user."""
    from django.conf import settings  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    from tests.make import make_user  # noqa: PLC0415

    client = Client()
    client.force_login(make_user(is_superuser=True, is_staff=True))
    name = settings.SESSION_COOKIE_NAME
    session = f"{name}={client.cookies[name].value}"
    page = reverse("admin:tickets_device_live", args=[event_id])
    return [Viewer(port, page, session, f"10.2.0.{number + 1}") for number in range(count)]


@contextmanager
def _watched(viewers: Sequence[Viewer]) -> Iterator[None]:
    """Let the viewers watch, not all in the same moment."""
    if not viewers:
        yield
        return
    over = Signal()
    with ThreadPoolExecutor(len(viewers)) as pool:
        watching = [
            pool.submit(viewer.watch, over, POLL_SECONDS * place / len(viewers))
            for place, viewer in enumerate(viewers)
        ]
        try:
            yield
        finally:
            over.set()
        for each in watching:
            each.result()


def _check(
    event_id: Any, tickets: int, twice: int, scanned: int, results: Counter[str]
) -> list[str]:
    """Return the promises about scans that were broken."""
    from tickets.models import Scan, ScanResult, Ticket, TicketStatus  # noqa: PLC0415

    scans = Scan.objects.filter(event_id=event_id)
    admitted = scans.filter(result=ScanResult.ADMITTED, undone_at=None)
    found = {
        "each ticket is used": (
            Ticket.objects.filter(event_id=event_id, status=TicketStatus.USED).count(),
            tickets,
        ),
        "each ticket was admitted once": (admitted.count(), tickets),
        "by one scan each": (admitted.values("ticket").distinct().count(), tickets),
        "each scan is on record once": (scans.count(), scanned),
        "devices were told of each admission": (results["admitted"], tickets + results["undone"]),
        "and of each refusal": (results["already_used"], twice),
        "and of each conflict": (results["conflict"], scans.filter(conflict=True).count()),
        "no other refusals": (scans.filter(result=ScanResult.NOT_INSIDE).count(), 0),
    }
    return _differences(found)


def _check_figures(
    event_id: Any, devices: Sequence[Device], viewers: Sequence[Viewer]
) -> list[str]:
    """Return the figures that differ from what the devices were told."""
    from ticketing import clock  # noqa: PLC0415
    from tickets.door.counts import count_doors  # noqa: PLC0415
    from tickets.scan_summary import summarize_scans  # noqa: PLC0415

    admitted, inside = Counter[str](), Counter[str]()
    for device in devices:
        told = device.results
        admitted[device.gate] += told["admitted"] - told["undone"]
        inside[device.gate] += told["admitted"] - told["undone"] - told["exited"] + told["again"]
    results = sum((device.results for device in devices), Counter[str]())
    counts = count_doors([event_id], now=clock.now())[event_id]
    summarize_scans(now=clock.now() + timedelta(hours=1))
    gates = {gate.gate: gate.figures for gate in counts.gates}
    found: dict[str, tuple[Any, Any]] = {
        "admitted by gate": ({gate: gates[gate].admitted for gate in gates}, dict(admitted)),
        "inside by gate": ({gate: gates[gate].inside for gate in gates}, dict(inside)),
        "refused": (counts.refused, results["already_used"] - results["conflict"]),
        "conflicts": (counts.conflicts, results["conflict"]),
        "figures of slots": (count_doors([event_id], now=clock.now())[event_id], counts),
    }
    if viewers:
        found["the live door"] = (_shown_at_last(viewers, counts.inside), {counts.inside})
    return _differences(found)


def _shown_at_last(viewers: Sequence[Viewer], due: int) -> set[int]:
    """Poll until all viewers see the figure that is due, or return what they see in the end."""
    ends_at = time.monotonic() + _SHOWN_WITHIN_SECONDS
    while True:
        shown = {viewer.inside_now() for viewer in viewers}
        if shown == {due} or time.monotonic() > ends_at:
            return shown


def _differences(found: dict[str, tuple[Any, Any]]) -> list[str]:
    return [f"{name}: {seen}, not {due}" for name, (seen, due) in found.items() if seen != due]


if __name__ == "__main__":
    sys.exit(main())
