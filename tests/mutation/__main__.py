"""`make mutants`: changes the code, one line at a time, and checks that a test fails each time."""

import argparse
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Final

import psycopg

from tests.mutation.covering import Coverage, measure_coverage, read_coverage
from tests.mutation.python_changes import Change, changes_of
from tests.mutation.running import (
    Lane,
    Task,
    end,
    lanes_of,
    only_functions_differ,
    open_lane,
    try_alone,
)
from tests.mutation.text_changes import changes_of_lua, changes_of_sql
from ticketing.stack import services
from ticketing.stack.environment import PROJECT, inherited_environment
from ticketing.stack.run import compile_translations

_HERE: Final = Path(__file__).parent
_PLAN: Final = tomllib.loads((_HERE / "plan.toml").read_text())
_CONTRACTS: Final = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
_VERBS: Final = "Verbs know no HTTP, no Celery and no AWS"
# The measured coverage. It is measured again only with --fresh: after an edit the lines have moved,
# but a test that runs a line also runs the lines near it.
_MEASURED: Final = PROJECT / ".local" / "mutation"
# The digests of noticed changes, so that the next run skips them and an interrupted run continues.
_NOTICED: Final = _MEASURED / "noticed"
_PACKAGES: Final = ["events", "orders", "tickets", "ticketing"]
_OUR_FUNCTIONS: Final = """
SELECT p.proname || '/' || p.pronargs, pg_get_functiondef(p.oid)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE n.nspname = 'public' AND l.lanname IN ('plpgsql', 'sql') AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1
"""
_NO_LINE: Final = 0
# Only this test notices a changed column: the others use the tables of the unchanged migrations.
_OF_MODELS: Final = "tests/ticketing/database/test_models.py"
# Imported once here, so that the forked children need not import them.
_PRELOADED: Final = [
    "boto3", "celery", "cryptography.fernet", "django.core.handlers.wsgi", "django.db.models",
    "django.test.client", "hypothesis", "msgspec", "moto", "PIL.Image", "psycopg", "redis",
    "requests", "segno", "structlog",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """One change, with the task for a lane to try it. The task has all tests that might notice."""

    change: Change
    task: Task
    alone: bool = False


def main() -> int:
    """Try all changes. Return 1 if a change that is not excused was not noticed by any test."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--only", default="", help="only files with this text in their path")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="changes tried at the same time"
    )
    parser.add_argument("--sample", type=int, default=1, help="try only every SAMPLE-th change")
    parser.add_argument(
        "--fresh", action="store_true", help="measure again which test runs which line"
    )
    arguments = parser.parse_args()
    os.environ.update(inherited_environment())
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    compile_translations()
    for package in _PRELOADED:
        import_module(package)
    with tempfile.TemporaryDirectory(prefix="bilheteria-mutation-") as name:
        folder = Path(name)
        server = services.postgres(folder, durable=False)
        with services.running(server) as url:
            lanes = lanes_of(url, folder, arguments.jobs)
            return _run(lanes, only=arguments.only, sample=arguments.sample, fresh=arguments.fresh)


def _run(lanes: list[Lane], *, only: str, sample: int, fresh: bool) -> int:
    if fresh or not _MEASURED.exists():
        _say("running all tests once, to find which test runs which line (takes a while)")
        shutil.rmtree(_MEASURED, ignore_errors=True)
        half = _MEASURED.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        measure_coverage(lanes, half, _PACKAGES)
        half.rename(_MEASURED)
    covered = read_coverage(_MEASURED)
    for test in covered.failing:
        _say(f"TEST FAILS WITHOUT A CHANGE, so it is left out: {test}")
    _say("creating a database for each job")
    for lane in lanes:
        open_lane(lane)
    _wait_until_ready(lanes)
    chosen = list(_trials(covered, lanes[0], only))[::sample]
    before = set(_NOTICED.read_text().split()) if _NOTICED.exists() else set()
    trials = [trial for trial in chosen if trial.change.digest not in before]
    _say(
        f"{len(trials)} changes to try; {len(chosen) - len(trials)} more were noticed in an earlier"
        " run"
    )
    tally = _Tally(len(trials))
    for trial, found in _try_all(trials, lanes, covered):
        tally.add(trial.change, found)
    if tally.failed:
        _say(
            "Failed. An UNNOTICED change needs a test that fails with it, or an entry with a reason"
            " under `excused` in tests/mutation/plan.toml."
        )
    return int(tally.failed)


class _Tally:
    """Counts and prints the outcomes of the changes."""

    def __init__(self, expected: int) -> None:
        self.failed = False
        self._expected = expected
        self._counts: Counter[str] = Counter()
        # Files whose tests fail without a change. Outcomes of their changes are meaningless.
        self._broken: set[str] = set()
        excused = _PLAN.get("excused", [])
        self._excused = {(each["file"], each["was"], each["becomes"]) for each in excused}
        self._began = time.monotonic()

    def add(self, change: Change, found: str) -> None:
        if change.line == _NO_LINE:
            found = "tried unchanged" if found == "unnoticed" else "FAILS UNCHANGED"
        elif found == "unnoticed" and change.key in self._excused:
            found = "excused"
        if found in {"unnoticed", "not tried", "FAILS UNCHANGED"}:
            self.failed = True
            _show(change, found)
        elif found == "too slow":
            _show(change, found)
        if found == "FAILS UNCHANGED":
            self._broken.add(change.path)
        if found == "noticed" and change.path not in self._broken:
            with _NOTICED.open("a") as file:
                file.write(f"{change.digest}\n")
        self._counts[found] += 1
        done = self._counts.total()
        if done % 25 == 0 or done == self._expected:
            counts = ", ".join(f"{count} {word}" for word, count in sorted(self._counts.items()))
            took = time.monotonic() - self._began
            _say(f"{done} of {self._expected} changes after {took:.0f} s: {counts}")


def _show(change: Change, found: str) -> None:
    lines = f"\n    - {change.was}\n    + {change.becomes}" if change.line != _NO_LINE else ""
    _say(f"{found.upper()} {change.path}:{change.line}{lines}")


def _say(text: str) -> None:
    sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


def _wait_until_ready(lanes: Sequence[Lane]) -> None:
    for lane in lanes:
        while not lane.result():
            time.sleep(0.05)


def _trials(covered: Coverage, lane: Lane, only: str) -> Iterator[Trial]:
    for name in (name for name in _verbs() if only in name):
        source, places = (PROJECT / name).read_text(), _PLAN["modules"].get(name, [])
        for change in [_no_change(name, source), *changes_of(PROJECT / name, PROJECT)]:
            alone = not only_functions_differ(source, change.text)
            tests = (
                covered.tests_of_all(name, places)
                if alone
                else covered.tests_of(name, change.line, places)
            )
            yield Trial(change, Task("python", name, change.text, tests), alone=alone)
    for name, places in _PLAN["scripts"].items():
        if only not in name:
            continue
        source = (PROJECT / name).read_text()
        for change in [_no_change(name, source), *changes_of_lua(name, source)]:
            yield Trial(change, Task("lua", name, change.text, covered.tests_in(places)))
    with psycopg.connect(lane.test_url) as connection:
        functions: dict[str, str] = dict(connection.execute(_OUR_FUNCTIONS).fetchall())
    left_out = set(_PLAN["functions"]["left_out"])
    for name, source in functions.items():
        path = f"sql/{name}"
        if name in left_out or only not in path:
            continue
        tests = covered.tests_in(_PLAN["functions"].get(name.partition("/")[0], []))
        for change in [_no_change(path, source), *changes_of_sql(path, source)]:
            yield Trial(change, Task("sql", path, change.text, tests, restore=source))


def _no_change(path: str, source: str) -> Change:
    """Return the unchanged file. If a test fails with it, results for this file mean nothing."""
    return Change(path, _NO_LINE, "", "", source)


class _TestChoice:
    """Chooses the tests for a change: first those that noticed other changes of the same file."""

    def __init__(self, covered: Coverage) -> None:
        self._covered = covered
        # By file: how often each test noticed a change in it.
        self._noticed: dict[str, Counter[str]] = {}

    def remember(self, path: str, test: str) -> None:
        self._noticed.setdefault(path, Counter())[test] += 1

    def tasks_of(self, trial: Trial) -> list[Task]:
        task, before = trial.task, self._noticed.get(trial.task.path, Counter[str]())
        tests = sorted(task.tests, key=lambda test: -before[test])
        if trial.alone:
            tests = [_OF_MODELS, *tests]
        parts = self._covered.parts_of(tests) or [[]]
        if trial.change.line == _NO_LINE:
            parts = parts[:1]
        limit = self._covered.time_limit
        return [replace(task, tests=part, seconds=limit(part)) for part in parts]


def _verbs() -> list[str]:
    contract = next(each for each in _CONTRACTS["contracts"] if each["name"] == _VERBS)
    return [f"{module.replace('.', '/')}.py" for module in contract["source_modules"]]


def _try_all(
    trials: Sequence[Trial], lanes: Sequence[Lane], covered: Coverage
) -> Iterator[tuple[Trial, str]]:
    choice = _TestChoice(covered)
    waiting = deque((trial, list[Task]()) for trial in trials if not trial.alone)
    free, busy = list(lanes), list[tuple[Trial, list[Task], Lane]]()
    while waiting or busy:
        while waiting and free:
            (trial, tasks), lane = waiting.popleft(), free.pop()
            first, *later = tasks or choice.tasks_of(trial)
            lane.begin(first)
            busy.append((trial, later, lane))
        for entry in list(busy):
            trial, later, lane = entry
            if result := lane.result():
                outcome, _, test = result.partition("\t")
                busy.remove(entry)
                free.append(lane)
                if test:
                    choice.remember(trial.task.path, test)
                if outcome == "unnoticed" and later:
                    _say(
                        f"not noticed by the first tests, trying more:"
                        f" {trial.change.path}:{trial.change.line}"
                    )
                    waiting.append((trial, later))
                else:
                    yield trial, outcome
        time.sleep(0.01)
    for lane in lanes:
        end(lane.process)
    for trial in trials:
        if trial.alone:
            outcomes = (try_alone(lanes[0], task) for task in choice.tasks_of(trial))
            yield trial, next((each for each in outcomes if each != "unnoticed"), "unnoticed")


if __name__ == "__main__":
    sys.exit(main())
