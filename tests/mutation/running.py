"""
Running tests against one change at a time, in a forked process each.

The packages that the tests need are imported once, before the fork. A child serves the changed
module from memory, so no file is ever touched, and asks a database of its own lane.
"""

import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import coverage
import psutil
import psycopg
import pytest

from ticketing.stack.environment import PROJECT

# Tests that start processes of their own would not see a change that lives in memory. The broken
# variants replace functions themselves.
LEFT_OUT: Final = [
    "tests/engine/test_broken_variants.py",
    "tests/ticketing/test_stack.py",
    "tests/ticketing/test_tracing.py",
    "tests/test_deployment.py",
    "tests/test_house.py",
    "tests/test_processes.py",
    "tests/test_quick_starts.py",
]
_OPTIONS: Final = ["-q", "--reuse-db", "-p", "no:cacheprovider", "--no-header", "-W", "default"]
_KEPT_TABLES: Final = {"django_migrations", "django_content_type", "auth_permission"}

Act = Callable[[], None]


@dataclass(slots=True)
class Lane:
    """A database for one run at a time."""

    number: int
    url: str
    log: Path

    @property
    def test_url(self) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"/test_{parts.path.lstrip('/')}"))


def lanes_of(database_url: str, folder: Path, count: int) -> list[Lane]:
    """Return so many lanes of one server."""
    parts = urlsplit(database_url)
    return [
        Lane(
            number, urlunsplit(parts._replace(path=f"/lane{number}")), folder / f"lane{number}.log"
        )
        for number in range(count)
    ]


def start(lane: Lane, tests: Sequence[str], *, before: Act, plugins: Sequence[Any] = ()) -> int:
    """Run tests in a child, after `before`. Return its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        log = os.open(lane.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["DATABASE_URL"] = lane.url
        os.chdir(PROJECT)
        before()
        code = int(pytest.main([*_OPTIONS, *tests], plugins=list(plugins)))
    except BaseException as error:  # noqa: BLE001 - a child must never go on as its parent
        os.write(2, repr(error).encode())
        code = 99
    os._exit(code)


def wait(child: int, *, seconds: float) -> int | None:
    """Return a child's exit code, or None if it took too long and was ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    family = [psutil.Process(child), *psutil.Process(child).children(recursive=True)]
    for process in reversed(family):
        process.kill()
    os.waitpid(child, 0)
    return None


def make_database(lane: Lane) -> None:
    """Make a lane's test database by the migrations."""
    options = ["--create-db", "tests/events/test_audit.py"]
    code = wait(start(lane, options, before=lambda: None), seconds=300)
    if code:
        raise RuntimeError(f"The database was not made:\n{lane.log.read_text()[-3000:]}")


def clear(lane: Lane) -> None:
    """Take everybody else off a lane's database, and every row out of it."""
    with psycopg.connect(lane.test_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        found = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        tables = [name for (name,) in found if name not in _KEPT_TABLES]
        connection.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY CASCADE")


def serve_changed(module: str, source: str) -> None:
    """Let `import` find a module's changed text."""
    sys.meta_path.insert(0, _Changed(module, source))


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self._source = source

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self._module:
            return None
        return importlib.util.spec_from_loader(name, self)

    def get_source(self, fullname: str) -> str:
        return self._source

    def exec_module(self, module: ModuleType) -> None:
        # Scripts are found beside the file of their module.
        module.__file__ = str(PROJECT / (self._module.replace(".", "/") + ".py"))
        super().exec_module(module)


@dataclass(slots=True)
class Coverage:
    """Which tests run a line, quickest first, and how long each takes."""

    seconds: dict[str, float]
    tests_by_line: dict[str, dict[int, list[str]]]

    def tests_of(self, path: str, line: int) -> list[str]:
        """Return the tests that run a line or one beside it, or else any line of its file."""
        lines = self.tests_by_line.get(path, {})
        near = {test for at in range(line - 2, line + 3) for test in lines.get(at, [])}
        return self._quickest_first(near or {test for tests in lines.values() for test in tests})

    def tests_in(self, places: Sequence[str]) -> list[str]:
        """Return the tests of some files, or all."""
        chosen = [t for t in self.seconds if not places or t.startswith(tuple(places))]
        return self._quickest_first(chosen)

    def _quickest_first(self, tests: Collection[str]) -> list[str]:
        return sorted(tests, key=lambda test: self.seconds.get(test, 0.0))


class _Recorder:
    """Tells coverage which test runs, in each of its threads, and notes how long it takes."""

    def __init__(self, measured: coverage.Coverage, seconds: Path) -> None:
        self._measured = measured
        self._seconds = seconds

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self._measured.switch_context(item.nodeid)
        began = time.perf_counter()
        result = yield
        with self._seconds.open("a") as file:
            file.write(f"{time.perf_counter() - began:.4f} {item.nodeid}\n")
        return result

    def pytest_sessionfinish(self) -> None:
        self._measured.stop()
        self._measured.save()


def measure_coverage(lanes: Sequence[Lane], folder: Path, packages: Sequence[str]) -> None:
    """Run all tests once, a part of the files in each lane, and note which runs which line."""
    files = [str(path.relative_to(PROJECT)) for path in sorted(PROJECT.glob("tests/**/test_*.py"))]
    chosen = [path for path in files if path not in LEFT_OUT]
    children = []
    for lane in lanes:
        measured = coverage.Coverage(
            data_file=str(folder / f"coverage-{lane.number}"),
            config_file=False,
            source=list(packages),
            concurrency=["thread"],
        )
        recorder = _Recorder(measured, folder / f"seconds-{lane.number}")
        part = chosen[lane.number :: len(lanes)]
        children.append(start(lane, part, before=measured.start, plugins=[recorder]))
    for lane, child in zip(lanes, children, strict=True):
        if wait(child, seconds=3600):
            raise RuntimeError(f"The tests fail unchanged:\n{lane.log.read_text()[-3000:]}")


def read_coverage(folder: Path) -> Coverage:
    """Return what was measured before."""
    by_line: dict[str, dict[int, list[str]]] = {}
    for part in folder.glob("coverage-*"):
        data = coverage.CoverageData(basename=str(part))
        data.read()
        for file in data.measured_files():
            lines = by_line.setdefault(str(Path(file).relative_to(PROJECT)), {})
            for line, tests in data.contexts_by_lineno(file).items():
                lines.setdefault(line, []).extend(test for test in tests if test)
    rows = [row for part in folder.glob("seconds-*") for row in part.read_text().splitlines()]
    seconds = {test: float(took) for took, _, test in (row.partition(" ") for row in rows)}
    return Coverage(seconds, by_line)
