"""`python -m tests.mutation`: change the engine, one line at a time, and see a test notice."""

import argparse
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import psycopg

from tests.mutation.python_changes import Change, changes_of
from tests.mutation.running import (
    Coverage,
    Lane,
    clear,
    lanes_of,
    make_database,
    measure_coverage,
    read_coverage,
    serve_changed,
    start,
    wait,
)
from tests.mutation.text_changes import changes_of_lua, changes_of_sql
from ticketing.stack import services
from ticketing.stack.environment import PROJECT, inherited_environment
from ticketing.stack.run import compile_translations

_HERE: Final = Path(__file__).parent
_PLAN: Final = tomllib.loads((_HERE / "plan.toml").read_text())
# Measured once: lines move, but a test that runs a line runs its neighbors too.
_MEASURED: Final = PROJECT / ".local" / "mutation"
_PACKAGES: Final = ["events", "orders", "tickets", "ticketing"]
_OURS: Final = """
SELECT p.proname || '/' || p.pronargs, pg_get_functiondef(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname = 'public' AND l.lanname IN ('plpgsql', 'sql') AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1
"""
# What every test imports and no setting changes: once here, and not in each child.
_WARM: Final = [
    "boto3", "celery", "cryptography.fernet", "django.core.handlers.wsgi", "django.db.models",
    "django.test.client", "hypothesis", "msgspec", "moto", "PIL.Image", "psycopg", "redis",
    "requests", "segno", "structlog",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """One change, how to make it in a child, and the tests that might notice."""

    change: Change
    tests: list[str]
    kind: str


@dataclass(slots=True)
class Running:
    trial: Trial
    lane: Lane
    child: int
    until: float
    restore: str = ""


def main() -> int:
    """Return 1 if a change that is not excused went unnoticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--only", default="", help="changes whose file has this in its name")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--sample", type=int, default=1, help="every so many-th change")
    parser.add_argument("--fresh", action="store_true", help="measure anew which test runs what")
    arguments = parser.parse_args()
    os.environ.update(inherited_environment())
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    compile_translations()
    for package in _WARM:
        import_module(package)
    with tempfile.TemporaryDirectory(prefix="bilheteria-mutation-") as name:
        folder = Path(name)
        server = services.postgres(folder, durable=False)
        with services.running(server) as url:
            lanes = lanes_of(url, folder, arguments.jobs)
            return _run(lanes, only=arguments.only, sample=arguments.sample, fresh=arguments.fresh)


def _run(lanes: list[Lane], *, only: str, sample: int, fresh: bool) -> int:
    _say("making the databases, and finding which test runs which line")
    for lane in lanes:
        make_database(lane)
    if fresh or not _MEASURED.exists():
        shutil.rmtree(_MEASURED, ignore_errors=True)
        half = _MEASURED.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        measure_coverage(lanes, half, _PACKAGES)
        half.rename(_MEASURED)
    covered = read_coverage(_MEASURED)
    trials = [trial for trial in _trials(covered, lanes[0]) if only in trial.change.path][::sample]
    _say(f"{len(trials)} changes, {len(covered.seconds)} tests")
    outcomes: Counter[str] = Counter()
    unnoticed: list[Change] = []
    excused = {(each["file"], each["was"], each["becomes"]) for each in _PLAN.get("excused", [])}
    began = time.monotonic()
    for done, (trial, found) in enumerate(_try_all(trials, lanes), start=1):
        is_excused = found == "unnoticed" and trial.change.key in excused
        outcomes["excused" if is_excused else found] += 1
        if found == "unnoticed" and not is_excused:
            unnoticed.append(trial.change)
            _show(trial.change)
        if done % 25 == 0 or done == len(trials):
            counts = ", ".join(f"{count} {word}" for word, count in sorted(outcomes.items()))
            _say(f"{done}/{len(trials)} after {time.monotonic() - began:.0f} s: {counts}")
    return int(bool(unnoticed))


def _show(change: Change) -> None:
    _say(f"NOT NOTICED {change.path}:{change.line}\n    - {change.was}\n    + {change.becomes}")


def _say(text: str) -> None:
    sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


def _trials(covered: Coverage, lane: Lane) -> Iterator[Trial]:
    for name in _PLAN["verbs"]:
        for change in changes_of(PROJECT / name, PROJECT):
            yield Trial(change, covered.tests_of(name, change.line), "python")
    for name, places in _PLAN["scripts"].items():
        for change in changes_of_lua(name, (PROJECT / name).read_text()):
            yield Trial(change, covered.tests_in(places), "lua")
    with psycopg.connect(lane.test_url) as connection:
        functions: dict[str, str] = dict(connection.execute(_OURS).fetchall())
    left_out = set(_PLAN["functions"]["left_out"])
    for name, text in functions.items():
        if name not in left_out:
            places = _PLAN["functions"].get(name.partition("/")[0], [])
            for change in changes_of_sql(f"sql/{name}", text):
                yield Trial(change, covered.tests_in(places), "sql")


def _try_all(trials: Sequence[Trial], lanes: Sequence[Lane]) -> Iterator[tuple[Trial, str]]:
    waiting, free, busy = list(reversed(trials)), list(lanes), list[Running]()
    while waiting or busy:
        while waiting and free:
            trial, lane = waiting.pop(), free.pop()
            if not trial.tests:
                free.append(lane)
                yield trial, "unnoticed"
                continue
            run = _begin(trial, lane)
            if run is None:
                free.append(lane)
                yield trial, "no program"
            else:
                busy.append(run)
        for run in list(busy):
            outcome = _outcome(run)
            if outcome:
                busy.remove(run)
                free.append(run.lane)
                yield run.trial, outcome
        time.sleep(0.02)


def _begin(trial: Trial, lane: Lane) -> Running | None:
    change, restore = trial.change, ""
    clear(lane)
    if trial.kind == "sql":
        with psycopg.connect(lane.test_url, autocommit=True) as connection:
            name = change.path.removeprefix("sql/")
            functions: dict[str, str] = dict(connection.execute(_OURS).fetchall())
            restore = functions[name]
            try:
                connection.execute(change.text.encode())
            except psycopg.Error:
                return None
    child = start(lane, ["-x", *trial.tests], before=lambda: _make(trial))
    return Running(trial, lane, child, time.monotonic() + 30 + 0.5 * len(trial.tests), restore)


def _make(trial: Trial) -> None:
    change = trial.change
    if trial.kind == "python":
        serve_changed(change.path.removesuffix(".py").replace("/", "."), change.text)
    elif trial.kind == "lua":
        # Read by the module that calls it, when that is imported.
        _read_instead(PROJECT / change.path, change.text)


def _read_instead(file: Path, text: str) -> None:
    read = Path.read_text

    def read_text(path: Path, *arguments: object, **named: object) -> str:
        return text if path.resolve() == file else read(path, *arguments, **named)  # type: ignore[arg-type]

    Path.read_text = read_text  # type: ignore[method-assign,assignment]


def _outcome(run: Running) -> str:
    """Return what became of a run, or nothing while it goes on."""
    done, status = os.waitpid(run.child, os.WNOHANG)
    if not done and time.monotonic() < run.until:
        return ""
    code = os.waitstatus_to_exitcode(status) if done else wait(run.child, seconds=0)
    if run.restore:
        clear(run.lane)
        with psycopg.connect(run.lane.test_url, autocommit=True) as connection:
            connection.execute(run.restore.encode())
    if code is None:
        return "too slow"
    return "noticed" if code else "unnoticed"


if __name__ == "__main__":
    sys.exit(main())
