"""Measures which tests run which line, and chooses the tests for a changed line."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

from tests.mutation.running import LEFT_OUT, Lane, fork, wait
from ticketing.stack.environment import PROJECT

_ALL_PASSED: Final = 0
_SOME_FAILED: Final = 1
# Some lines are run by twenty minutes of tests. At most the most promising two and a half minutes
# are run, in three parts: each part only if no test of the earlier ones failed.
_PART_SECONDS: Final = (4, 26, 120)


@dataclass(slots=True)
class Coverage:
    """Which tests run each line, and how long each test takes."""

    seconds: dict[str, float]
    tests_by_line: dict[str, dict[int, list[str]]]
    # Tests that failed without any change. They are never chosen.
    failing: list[str]

    def tests_of(self, path: str, line: int, places: Sequence[str] = ()) -> list[str]:
        """
        Return the tests that run a line or one near it, or else any line of its file.

        Tests in `places` come first, or else those in the module's own test file, in files that
        import the module, and in the folder of its tests.
        """
        lines = self.tests_by_line.get(path, {})
        near = {test for at in range(line - 2, line + 3) for test in lines.get(at, [])}
        return self._of_module(path, near, places) if near else self.tests_of_all(path, places)

    def tests_of_all(self, path: str, places: Sequence[str] = ()) -> list[str]:
        """
        Return the tests that run any line of a module.

        A line that runs when the module is imported counts for the first test of its lane only.
        """
        lines = self.tests_by_line.get(path, {})
        found = {test for tests in lines.values() for test in tests}
        return self._of_module(path, found, places)

    def _of_module(self, path: str, found: set[str], places: Sequence[str]) -> list[str]:
        module = Path(path)
        own = "tests" / module.with_name(f"test_{module.stem}")
        its_own = [str(own), *_files_that_import(path), str(own.parent)]
        return self._most_promising_first(found, places or its_own)

    def tests_in(self, places: Sequence[str]) -> list[str]:
        """Return the tests of these files and folders, or all tests if there are none."""
        chosen = [t for t in self.seconds if not places or t.startswith(tuple(places))]
        return self._most_promising_first(set(chosen), places)

    def parts_of(self, tests: Sequence[str]) -> list[list[str]]:
        """Split tests into parts. A part is run only if no test of the earlier parts failed."""
        parts: list[list[str]] = [[] for _ in _PART_SECONDS]
        spent = 0.0
        for test in tests:
            after = spent + self.seconds.get(test, 0.0)
            part = sum(after > limit for limit in accumulate(_PART_SECONDS))
            if part < len(parts):
                parts[part].append(test)
                spent = after
        return [part for part in parts if part]

    def time_limit(self, tests: Sequence[str]) -> float:
        """Return after how many seconds these tests count as hanging."""
        return 20 + 4 * sum(self.seconds.get(test, 0.0) for test in tests)

    def _most_promising_first(self, tests: set[str], places: Sequence[str]) -> list[str]:
        """Sort tests: those in `places`, then the fastest of each file, then the second, …"""
        found = sorted(tests - set(self.failing), key=lambda test: self.seconds.get(test, 0.0))
        seen: Counter[str] = Counter()
        ranks: dict[str, tuple[int, int]] = {}
        for test in found:
            at = (i for i, place in enumerate(places) if test.startswith(place))
            file = test.partition("::")[0]
            seen[file] += 1
            ranks[test] = (next(at, len(places)), seen[file])
        return sorted(found, key=ranks.__getitem__)


@cache
def _files_that_import(path: str) -> list[str]:
    name = path.removesuffix(".py").replace("/", ".")
    files = sorted(PROJECT.glob("tests/**/test_*.py"))
    return [str(file.relative_to(PROJECT)) for file in files if f"{name} " in file.read_text()]


class _Recorder:
    """A pytest plugin: tells coverage which test runs, and records its duration and failure."""

    def __init__(self, measured: coverage.Coverage, seconds: Path, failing: Path) -> None:
        self._measured = measured
        self._seconds = seconds
        self._failing = failing

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            with self._failing.open("a") as file:
                file.write(f"{report.nodeid}\n")

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
    """Run all tests once, some of the files in each lane, and record which test runs which line."""
    files = [str(path.relative_to(PROJECT)) for path in sorted(PROJECT.glob("tests/**/test_*.py"))]
    chosen = [path for path in files if not path.startswith(tuple(LEFT_OUT))]
    children = []
    for lane in lanes:
        measured = coverage.Coverage(
            data_file=str(folder / f"coverage-{lane.number}"),
            config_file=False,
            source=list(packages),
            concurrency=["thread"],
        )
        # So that the data stays valid if the checkout is moved.
        measured.set_option("run:relative_files", value=True)
        recorder = _Recorder(
            measured, folder / f"seconds-{lane.number}", folder / f"failing-{lane.number}"
        )
        part = chosen[lane.number :: len(lanes)]
        arguments = [*part, "--create-db"]
        children.append(fork(lane, arguments, before=measured.start, plugins=[recorder]))
    for lane, child in zip(lanes, children, strict=True):
        if wait(child, seconds=3600) not in {_ALL_PASSED, _SOME_FAILED}:
            raise RuntimeError(
                f"The tests did not finish. The end of their log:\n{lane.log.read_text()[-3000:]}"
            )


def read_coverage(folder: Path) -> Coverage:
    """Read what `measure_coverage` recorded."""
    by_line: dict[str, dict[int, list[str]]] = {}
    for part in folder.glob("coverage-*"):
        data = coverage.CoverageData(basename=str(part))
        data.read()
        for file in data.measured_files():
            lines = by_line.setdefault(file, {})
            for line, tests in data.contexts_by_lineno(file).items():
                lines.setdefault(line, []).extend(test for test in tests if test)
    rows = [row for part in folder.glob("seconds-*") for row in part.read_text().splitlines()]
    seconds = {test: float(took) for took, _, test in (row.partition(" ") for row in rows)}
    failing = [test for part in folder.glob("failing-*") for test in part.read_text().splitlines()]
    return Coverage(seconds, by_line, sorted(set(failing)))
