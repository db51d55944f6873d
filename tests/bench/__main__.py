"""
`make bench`: measures requests per second, as a ratio to floors measured in the same run.

A floor is a minimal program for the same kind of request (tests/bench/floor.py). The ratio depends
less on the machine than the rate does.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import count as count_from
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import psutil

from tests.bench.driver import CONNECTIONS, Load, Measured, drive, make_request
from tests.bench.stack import BenchStack
from ticketing.stack.environment import PROJECT, inherited_environment

_EVENTS: Final = 100
_CODES: Final = 30_000
_FLOOR_TICKETS: Final = 400_000
# Each buyer has an address of its own; readers and devices share some thousands. So production's
# rate limits are in force, and none is reached.
_FIRST_ADDRESS: Final = int(IPv4Address("10.0.0.0"))
_READERS: Final = 10_000
_DEVICES: Final = 300
# The ratio to its floor that each load should reach.
_GOALS: Final = {
    "a. reserve, one hot event": 0.65,
    "a. reserve, 100 events": 0.65,
    "b. refused as sold out": 0.8,
    "b. read an event": 0.8,
    "c. admit a ticket": 0.7,
    "d. paid orders through the workers": 0.8,
    "f. list 20 of 5,000 events": 0.5,
    "f. search 5,000 events": 0.3,
    "f. read the document": 0.8,
    "f. read an event, Redis just lost all": 0.8,
    "g. page of an event": 0.6,
    "g. catalogue": 0.6,
}
# The rate on a full database should be this part of the rate on an empty one.
_GOAL_FULL_DATABASE: Final = 0.9


def main() -> int:
    """Measure, print a table, and write a report. Return 1 after a wrong response."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--seconds", type=float, default=4, help="duration of each repeat")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of each load")
    parser.add_argument(
        "--orders", type=int, default=200, help="orders that the workers process in each repeat"
    )
    parser.add_argument("--only", default="", help="only loads with this text in their name")
    parser.add_argument(
        "--no-past", action="store_true", help="do not measure again on a full database"
    )
    parser.add_argument(
        "--report",
        type=Path,
        default=PROJECT / ".local" / "bench.json",
        help="file for the report as JSON (default: %(default)s)",
    )
    arguments = parser.parse_args()
    os.environ.update(inherited_environment())
    with tempfile.TemporaryDirectory(prefix="bilheteria-bench-") as folder:
        stack = BenchStack(Path(folder))
        try:
            _say("starting the stack with production settings")
            stack.start()
            report = _measure_all(stack, arguments)
        except BaseException:
            for log in stack.folder.logs.glob("*.log"):
                _say(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}")
            raise
        finally:
            stack.stop()
            stack.delete()
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(json.dumps(report, indent=2) + "\n")
    _say(_show(report))
    return 1 if report["wrong responses"] else 0


def _measure_all(stack: BenchStack, arguments: argparse.Namespace) -> dict[str, Any]:
    import django  # noqa: PLC0415 - the imports below need the settings of the started stack

    django.setup()
    from tests.bench import data  # noqa: PLC0415

    wrong: Counter[str] = Counter()
    organizer = data.make_organizer()
    report: dict[str, Any] = {
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB,"
        f" {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "connections": CONNECTIONS,
        "repeats": arguments.repeats,
        "empty database": _measure(stack, arguments, organizer, wrong),
    }
    if not arguments.no_past:
        _say("filling the database: 1,000,000 sold tickets, 200,000 orders and 5,000 events")
        data.fill_the_past(organizer)
        report["full database"] = _measure(stack, arguments, organizer, wrong)
        report["full against empty"] = {
            name: round(full["rate"] / report["empty database"][name]["rate"], 2)
            for name, full in report["full database"].items()
            if "rate" in full
        }
    report["wrong responses"] = dict(wrong)
    return report


def _measure(
    stack: BenchStack, arguments: argparse.Namespace, organizer: Any, wrong: Counter[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for load in _loads(stack, organizer):
        if arguments.only in load.name:
            _say(f"  measuring {load.name}")
            found[load.name] = _compare(stack, load, arguments, wrong)
    from tests.bench import line, pages  # noqa: PLC0415

    if arguments.only in "d. paid orders through the workers":
        _say("  measuring d. paid orders through the workers")
        found["d. paid orders through the workers"] = line.measure_throughput(
            stack, organizer, orders=arguments.orders, repeats=arguments.repeats
        )
    if arguments.only in "e. from 202 to tickets":
        _say("  measuring e. from 202 to tickets")
        found["e. from 202 to tickets"] = line.measure_latency(stack, organizer)
    if arguments.only in pages.LIVE:
        _say(f"  measuring {pages.LIVE}")
        found[pages.LIVE] = pages.measure_reads(
            stack, organizer, seconds=arguments.seconds, wrong=wrong
        )
    return found


def _loads(stack: BenchStack, organizer: Any) -> Iterator[Load]:
    from django.db import connection  # noqa: PLC0415

    from tests.bench import crowd, data, pages  # noqa: PLC0415

    events = [data.make_event(organizer, number=number) for number in range(_EVENTS)]
    gone = data.make_event(organizer, number=_EVENTS, capacity=0)
    codes = data.make_codes(events[0], _CODES)
    devices = [data.make_device(events[0]) for _ in range(_DEVICES)]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE floor_ticket")
        cursor.execute(
            "INSERT INTO floor_ticket (id) SELECT n FROM generate_series(0, %s) n",
            [_FLOOR_TICKETS],
        )
    connection.close()

    numbers = count_from(1)

    def address() -> str:
        return str(IPv4Address(_FIRST_ADDRESS + next(numbers)))

    def order(event: Any) -> bytes:
        customer = {"name": "Ana Souza", "email": f"ana-{next(numbers)}@example.com"}
        body = {"event": str(event.pk), "quantity": 1, "customer": customer}
        return make_request("POST", "/orders", body=json.dumps(body).encode(), address=address())

    def scan() -> bytes:
        body = json.dumps({"code": next(codes)}).encode()
        token, gate = next(scanners)
        return make_request("POST", "/tickets/validate", body=body, token=token, address=gate)

    many = cycle(events)
    sold_out = cycle([order(gone) for _ in range(_READERS)])
    path = f"/events/{events[0].pk}"
    reading = cycle([make_request("GET", path, address=address()) for _ in range(_READERS)])
    scanners = cycle([(device, address()) for device in devices])
    body = order(events[0]).partition(b"\r\n\r\n")[2]
    bare = make_request("POST", "/reserve", body=body)
    constant_post = make_request("POST", "/constant", body=body)
    constant = make_request("GET", "/constant")
    bare_admit = make_request("POST", "/admit", body=b'{"code": "T1:"}')

    yield Load("a. reserve, one hot event", lambda: order(events[0]), 201, lambda: bare)
    yield Load("a. reserve, 100 events", lambda: order(next(many)), 201, lambda: bare)
    yield Load("b. refused as sold out", lambda: next(sold_out), 409, lambda: constant_post)
    yield Load("b. read an event", lambda: next(reading), 200, lambda: constant)
    yield Load("c. admit a ticket", scan, 200, lambda: bare_admit)
    yield from crowd.crowd_loads(stack, organizer, address=address)
    yield from pages.page_loads(events[0], address=address)


def _compare(
    stack: BenchStack, load: Load, arguments: argparse.Namespace, wrong: Counter[str]
) -> dict[str, Any]:
    drive(stack.port, load.requests, seconds=1)
    drive(stack.floor_port, load.floor, seconds=1)
    ours: list[Measured] = []
    floors: list[Measured] = []
    for _ in range(arguments.repeats):
        # In turn, so that other load on the machine affects both in the same way.
        seconds = load.seconds or arguments.seconds
        floors.append(drive(stack.floor_port, load.floor, seconds=seconds))
        load.before()
        ours.append(drive(stack.port, load.requests, seconds=seconds))
    for measured in ours:
        for status, count in measured.statuses.items():
            if status != load.expected:
                wrong[f"{load.name}: {status}"] += count
    rates, floor_rates = [m.rate for m in ours], [m.rate for m in floors]
    typical = sorted(ours, key=lambda measured: measured.rate)[len(ours) // 2]
    return {
        "rate": round(statistics.median(rates), 1),
        "range": [round(min(rates), 1), round(max(rates), 1)],
        "floor": round(statistics.median(floor_rates), 1),
        "floor range": [round(min(floor_rates), 1), round(max(floor_rates), 1)],
        "ratio": round(statistics.median(rates) / statistics.median(floor_rates), 2),
        "p50 ms": round(typical.percentile(0.5), 1),
        "p95 ms": round(typical.percentile(0.95), 1),
        "p99 ms": round(typical.percentile(0.99), 1),
        "errors": sum(count for m in ours for status, count in m.statuses.items() if status >= 500),
    }


def _show(report: dict[str, Any]) -> str:
    lines = [
        "",
        f"{report['machine']}; {CONNECTIONS} connections, median of {report['repeats']} repeats",
        "rate: requests per second. floor: the rate of a minimal program. ratio: rate / floor.",
        "p50, p95, p99: milliseconds. errors: responses with a status of 500 or more.",
        "",
        " " * 38 + "   rate/s            range  floor/s  ratio  goal    p50    p95    p99  errors",
    ]
    for database in ("empty database", "full database"):
        if database not in report:
            continue
        lines.append(database)
        for name, row in report[database].items():
            if "rate" not in row:
                lines += [f"  {name}, {case}: {times}" for case, times in row.items()]
                continue
            low, high = row["range"]
            lines.append(
                f"  {name:<36}{row['rate']:>9}{f'{low}–{high}':>17}{row['floor']:>9}"
                f"{row['ratio']:>7}{_GOALS[name]:>6}"
                + "".join(f"{row.get(key, ''):>7}" for key in ("p50 ms", "p95 ms", "p99 ms"))
                + f"{row.get('errors', ''):>8}"
            )
            if "previous release" in row:
                lines.append(
                    f"    the previous release: {row['previous release']} orders/s;"
                    f" this release is {row['against previous']} times as fast"
                )
    if past := report.get("full against empty"):
        lines.append(
            f"rate on the full database / rate on the empty one (goal {_GOAL_FULL_DATABASE})"
        )
        lines += [f"  {name:<36}{ratio:>9}" for name, ratio in past.items()]
    if report["wrong responses"]:
        lines.append(f"WRONG RESPONSES (load: status, count): {report['wrong responses']}")
    return "\n".join(lines)


def _say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - output of a command


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    _say(f"\nfinished in {time.monotonic() - began:.0f} s")
    sys.exit(code)
