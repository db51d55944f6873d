"""`make chaos`: kills and cuts off real processes under load, then checks every promise."""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import psutil

from tests.chaos import verdict
from tests.chaos.arena import WEBS, Arena
from tests.chaos.crowd import Caller, Crowd
from tests.chaos.faults import Faults, Saboteur
from ticketing.stack.environment import PROJECT, inherited_environment

_CANARY_CAPACITY: Final = 100_000


def main() -> int:
    """Run the load and the faults. Return 1 after a broken promise or a missing recovery."""
    arguments = _arguments()
    os.environ.update(inherited_environment())
    report_file: Path = arguments.report
    with tempfile.TemporaryDirectory(prefix="bilheteria-chaos-") as folder:
        arena = Arena(Path(folder))
        try:
            report = _run(arena, arguments)
            if _has_failed(report):
                _say(f"\nThe run failed. The logs of all processes are in {_copy_logs(arena)}.")
        except BaseException:
            _say(f"\nThe run broke off. The logs of all processes are in {_copy_logs(arena)}.")
            raise
        finally:
            arena.stop()
            arena.delete()
    report_file.parent.mkdir(parents=True, exist_ok=True)
    report_file.write_text(json.dumps(report, indent=2) + "\n")
    _say(_show(report))
    return 1 if _has_failed(report) else 0


def _has_failed(report: dict[str, Any]) -> bool:
    return bool(report["violations"] or report["not recovered from"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seconds", type=int, help="duration of load and faults")
    parser.add_argument(
        "--orders", type=int, default=20_000, help="without --seconds: run until this many orders"
    )
    parser.add_argument(
        "--faults", type=int, default=200, help="without --seconds: and until this many faults"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="repeats the faults of an earlier run"
    )
    parser.add_argument("--buyers", type=int, default=16, help="buyers at the same time")
    parser.add_argument("--rate", type=float, default=10, help="attempted orders per second")
    parser.add_argument("--only", default="", help="only faults with this text in their name")
    parser.add_argument(
        "--report",
        type=Path,
        default=PROJECT / ".local" / "chaos.json",
        help="file for the report as JSON (default: %(default)s)",
    )
    return parser.parse_args()


def _run(arena: Arena, arguments: argparse.Namespace) -> dict[str, Any]:
    _say(
        f"seed {arguments.seed}: starting PostgreSQL, Valkey, a local AWS, 2 web servers,"
        " 2 workers, mailer, refunder, courier, beat and 2 webhook receivers"
    )
    arena.start()
    crowd = Crowd(
        ports=[arena.ports[name] for name in WEBS],
        api_token=arena.env["DEMO_API_TOKEN"],
        buyers=arguments.buyers,
        rate=arguments.rate,
        seed=arguments.seed,
    )
    crowd.start()
    organizer = Caller([arena.ports[name] for name in WEBS], arena.env["DEMO_API_TOKEN"])
    canary = crowd.create_event(organizer, _CANARY_CAPACITY)
    assert canary
    saboteur = Saboteur(
        arena, crowd, canary=canary, seed=arguments.seed, pace=1.0, only=arguments.only
    )
    ended = threading.Event()
    view = threading.Thread(target=_watch, args=(crowd, saboteur.faults, ended), daemon=True)
    view.start()
    began = time.monotonic()
    try:
        while not _is_enough(arguments, began, crowd, saboteur.faults):
            saboteur.strike()
        lasted = time.monotonic() - began
    finally:
        ended.set()
        crowd.stop()
        view.join(5)
    _say("\nno more faults: waiting until no order, payment or mail is unfinished")
    quiet_from = time.monotonic()
    verdict.open_record(arena)
    unfinished = _settle(arena)
    settled = time.monotonic() - quiet_from
    _say("checking every promise of docs/inventory.md")
    broken = [f"still unfinished: {count} {name}" for name, count in unfinished.items()]
    broken += verdict.violations(arena, crowd.observed)
    return _report(arguments, arena, crowd, saboteur.faults, lasted, settled, broken)


def _settle(arena: Arena) -> dict[str, int]:
    stop = threading.Event()

    def restart_dead() -> None:
        while not stop.wait(0.5):
            arena.restart_dead_processes()

    supervisor = threading.Thread(target=restart_dead, daemon=True)
    supervisor.start()
    try:
        unfinished = verdict.wait_until_quiet()
        # The audit compares every 30 seconds, and fixes a difference that it found twice.
        deadline = time.monotonic() + 75
        while list(verdict.live_stock()) and time.monotonic() < deadline:
            time.sleep(1)
        return unfinished
    finally:
        stop.set()
        supervisor.join()


def _is_enough(arguments: argparse.Namespace, began: float, crowd: Crowd, faults: Faults) -> bool:
    if arguments.seconds:
        return time.monotonic() - began > arguments.seconds
    return len(crowd.observed.reserved) >= arguments.orders and faults.count >= arguments.faults


def _watch(crowd: Crowd, faults: Faults, ended: threading.Event) -> None:
    """Print the progress, every second on a terminal and every ten seconds elsewhere."""
    terminal = sys.stdout.isatty()
    began = last = time.monotonic()
    while not ended.wait(1):
        now = time.monotonic()
        if terminal or now - last > 10:
            last = now
            observed = crowd.observed
            paid = sum(token is not None for token in list(observed.reserved.values()))
            line = (
                f"{now - began:5.0f} s  {len(observed.reserved):6} orders  {paid:6} payments"
                f"  {len(observed.admitted):5} admitted  {faults.count:4} faults"
                f"  now: {faults.now or 'no fault'}"
            )
            print(f"\r{line:<100}" if terminal else line, end="" if terminal else "\n", flush=True)  # noqa: T201


def _report(  # noqa: PLR0913, PLR0917 - the parts of one report
    arguments: argparse.Namespace,
    arena: Arena,
    crowd: Crowd,
    faults: Faults,
    lasted: float,
    settled: float,
    broken: list[str],
) -> dict[str, Any]:
    times = sorted(time for found in faults.seconds.values() for time in found)
    responses = crowd.observed.responses
    return {
        "seed": arguments.seed,
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB,"
        f" {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "seconds": round(lasted),
        "orders reserved": len(crowd.observed.reserved),
        "orders a second": round(len(crowd.observed.reserved) / lasted, 1),
        "payments accepted": sum(token is not None for token in crowd.observed.reserved.values()),
        "faults": faults.count,
        "recovery": {
            "what": "seconds from the end of a fault until a new order has its tickets",
            "median": round(statistics.median(times), 2) if times else None,
            "worst": round(times[-1], 2) if times else None,
        },
        "faults by kind": {
            kind: {
                "times": len(found),
                "median": round(statistics.median(found), 2),
                "worst": round(max(found), 2),
            }
            for kind, found in sorted(faults.seconds.items())
        },
        "not recovered from": faults.unrecovered,
        "restarts by cause": {
            "killed by the run": sum(arena.killed.values()),
            **Counter(f"{dead.name} ended by itself during: {dead.during}" for dead in arena.died),
        },
        "seconds until all was settled": round(settled, 1),
        "responses": dict(sorted(responses.items())),
        **verdict.figures(arena),
        "violations": broken,
    }


def _show(report: dict[str, Any]) -> str:
    lines = ["", f"{'fault':<24}{'times':>6}{'median s':>10}{'worst s':>10}"]
    for kind, found in report["faults by kind"].items():
        lines.append(f"{kind:<24}{found['times']:>6}{found['median']:>10}{found['worst']:>10}")
    lines.append("")
    skipped = {"faults by kind", "violations", "responses", "recovery"}
    lines += [f"{name}: {value}" for name, value in report.items() if name not in skipped]
    recovery = report["recovery"]
    lines.append(
        f"recovery ({recovery['what']}): median {recovery['median']} s, worst {recovery['worst']} s"
    )
    responses = ", ".join(f"{response} ×{n}" for response, n in report["responses"].items())
    lines.append(f"responses: {responses}")
    lines.append(f"broken promises (violations): {len(report['violations'])}")
    lines += [f"  {line}" for line in report["violations"][:50]]
    return "\n".join(lines)


def _copy_logs(arena: Arena) -> Path:
    """Copy the logs out of the temporary folder, which is deleted at the end."""
    copies = Path(tempfile.mkdtemp(prefix="bilheteria-chaos-logs-"))
    for log in arena.folder.logs.glob("*.log"):
        (copies / log.name).write_bytes(log.read_bytes())
    return copies


def _say(what: str) -> None:
    print(what, flush=True)  # noqa: T201 - output of a command


if __name__ == "__main__":
    sys.exit(main())
