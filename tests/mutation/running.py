"""
Running tests against one change at a time, in a forked process each.

A lane collects all tests once, with a database and a Valkey of its own, and then forks for each
change: the child puts the change in place, runs the tests that might notice, and ends. No file of
the checkout is ever touched.
"""

import gc
import importlib.abc
import importlib.util
import json
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import IO, Any, Final
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg
import pytest
from django.db import connections

from tests.emptying import empty_tables
from ticketing.redis import get_redis
from ticketing.stack.environment import PROJECT

# Tests that start processes of their own would not see a change that lives in memory. The broken
# variants replace functions themselves, and two walks through all pages take minutes. What compares
# functions with their files would notice each change of a function, and its behavior in none.
LEFT_OUT: Final = [
    "tests/engine/test_broken_variants.py",
    "tests/system",
    "tests/system/test_stack.py",
    "tests/ticketing/database/test_sql_files.py",
    "tests/ticketing/database/test_timeouts.py",
    "tests/ticketing/telemetry/test_tracing.py",
    "tests/pages/test_admin_privacy.py",
    "tests/system/test_deployment.py",
    "tests/test_rules.py",
    "tests/api/test_odd_addresses.py",
    "tests/system/test_processes.py",
    "tests/api/test_quick_starts.py",
    "tests/system/test_workers.py",
]
OPTIONS: Final = ["-q", "-p", "no:cacheprovider", "--no-header", "-W", "default"]
_CRASHED: Final = 99

Act = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Task:
    """A change for a lane: its kind, what it changes, the changed text, and the tests to ask."""

    kind: str
    path: str
    text: str
    tests: list[str]
    restore: str = ""
    # After so many seconds its tests count as hanging.
    seconds: float = 60


@dataclass(slots=True)
class Lane:
    """A process that forks for each change, with a database of its own."""

    number: int
    url: str
    log: Path
    process: int = 0
    tasks: IO[str] = field(default=sys.stdout)
    answers: int = -1

    @property
    def test_url(self) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"/test_{parts.path.lstrip('/')}"))

    @property
    def failed(self) -> Path:
        """Return the file that names the test that failed."""
        return self.log.with_suffix(".failed")

    def begin(self, task: Task) -> None:
        self.tasks.write(json.dumps(asdict(task)) + "\n")
        self.tasks.flush()

    def answer(self) -> str:
        """Return how the task ended, after a tab the test that failed, or nothing while it runs."""
        with suppress(BlockingIOError):
            found = os.read(self.answers, 1000).decode()
            if not found:
                raise RuntimeError(f"Lane {self.number} died:\n{self.log.read_text()[-3000:]}")
            return found.strip()
        return ""


def lanes_of(database_url: str, folder: Path, count: int) -> list[Lane]:
    """Return so many lanes of one server, not started yet."""
    parts = urlsplit(database_url)
    urls = [urlunsplit(parts._replace(path=f"/lane{number}")) for number in range(count)]
    return [Lane(number, url, folder / f"lane{number}.log") for number, url in enumerate(urls)]


def fork(lane: Lane, arguments: Sequence[str], *, before: Act, plugins: Sequence[Any]) -> int:
    """Run pytest in a child, after `before`. Return its process id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = _CRASHED
    try:
        os.setsid()
        log = os.open(lane.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ["DATABASE_URL"] = lane.url
        os.chdir(PROJECT)
        before()
        code = int(pytest.main([*OPTIONS, *arguments], plugins=list(plugins)))
    finally:
        # Whatever it raised is in the log by now, and a child never goes on as its parent.
        os._exit(code)


def wait(child: int, *, seconds: float) -> int | None:
    """Return a child's exit code, or None if it took too long and was ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    end(child)
    return None


def end(child: int) -> None:
    """End a child and whatever it started."""
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(child), *psutil.Process(child).children(recursive=True)]
        for process in reversed(family):
            process.kill()
    os.waitpid(child, 0)


def open_lane(lane: Lane) -> None:
    """Let a lane collect all tests, make its database, and wait for tasks."""
    tasks_out, tasks_in = os.pipe()
    answers_out, answers_in = os.pipe()
    serving = _Serving(lane, os.fdopen(tasks_out), answers_in)
    left_out = [f"--ignore={path}" for path in LEFT_OUT]
    lane.process = fork(
        lane, ["tests", "--create-db", *left_out], before=lambda: None, plugins=[serving]
    )
    os.close(answers_in)
    os.set_blocking(answers_out, False)
    lane.tasks, lane.answers = os.fdopen(tasks_in, "w"), answers_out


class _Serving:
    """In the place of pytest's own loop: a fork for each task that comes."""

    def __init__(self, lane: Lane, tasks: IO[str], answers: int) -> None:
        self._lane = lane
        self._tasks = tasks
        self._answers = answers

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # Of one that passed nothing is written, and a child ends before pytest writes its summary.
        if report.failed:
            self._lane.failed.write_text(report.nodeid)
            sys.stderr.write(f"\n{report.nodeid}\n{report.longreprtext}\n")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self._make_database(session)
        os.write(self._answers, b"ready\n")
        for line in self._tasks:
            task = Task(**json.loads(line))
            self._lane.failed.write_text("")
            outcome = self._try(task, session, items)
            os.write(self._answers, f"{outcome}\t{self._lane.failed.read_text()}\n".encode())
        return True

    def _make_database(self, session: pytest.Session) -> None:
        # What a process makes only once, such as the URLs, is made here, and not in each child.
        outer = [item for item in reversed(session.items) if item.path.parent == PROJECT / "tests"]
        _run_all(list({item.path: item for item in outer}.values()), session)
        if session.testsfailed:
            raise RuntimeError("The database was not made.")
        _let_go()

    def _try(self, task: Task, session: pytest.Session, items: dict[str, pytest.Item]) -> str:
        _clear(self._lane)
        if task.kind == "sql" and not _define(self._lane, task.text):
            return "no program"
        chosen = [items[test] for test in task.tests if test in items]
        child = os.fork()
        if not child:
            _run_and_leave(task, session, chosen)
        code = wait(child, seconds=task.seconds)
        if task.kind == "sql":
            _clear(self._lane)
            _define(self._lane, task.restore)
        return _outcome(code)


def _outcome(code: int | None) -> str:
    """Return what the exit code of the tests says about a change. None: they took too long."""
    if code is None:
        return "too slow"
    if code == _CRASHED:
        return "not tried"
    return "noticed" if code else "unnoticed"


def _run_and_leave(task: Task, session: pytest.Session, chosen: Sequence[pytest.Item]) -> None:
    code = _CRASHED
    try:
        _change(task)
        _run_all(chosen, session)
        code = int(bool(session.testsfailed))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run_all(items: Sequence[pytest.Item], session: pytest.Session) -> None:
    """Run tests until one fails, and keep the fixtures of the session."""
    # What the next test shares with one stays. With the last one stays what all tests share.
    for item, following in pairwise([*items, *_any_of_another_file(items, session)]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            break


def _any_of_another_file(
    items: Sequence[pytest.Item], session: pytest.Session
) -> list[pytest.Item]:
    outer = (item for item in session.items if item.path.parent == PROJECT / "tests")
    return [next(item for item in outer if item.path != items[-1].path)] if items else []


def _change(task: Task) -> None:
    if task.kind == "python":
        swap_code(task.path.removesuffix(".py").replace("/", "."), task.text)
    elif task.kind == "lua":
        _swap_script(Path(task.path).stem, task.text)


def _swap_script(name: str, text: str) -> None:
    generation = sys.modules["events.stock.generation"]
    if name in generation._SCRIPTS:
        generation._SCRIPTS[name] = text
        generation._digest.cache_clear()
        generation._Generation.stamp = ""
        return
    rates: Any = sys.modules["ticketing.rates"]
    digest = rates.hashlib.sha1(text.encode()).hexdigest()
    rates._SCRIPT, rates._SCRIPT_DIGEST = text, digest


def swap_code(module: str, source: str) -> None:
    """Give every function of an imported module the code that it has in a changed source."""
    found = sys.modules[module]
    path = Path(str(found.__file__))
    changed = {name: code for code, name in _named(source, path)}
    names = {
        (code.co_qualname, code.co_firstlineno): name
        for code, name in _named(path.read_text(), path)
    }
    # By its type: a weak reference to what is gone raises when it is asked for its class.
    for function in [each for each in gc.get_objects() if type(each) is FunctionType]:
        code = function.__code__
        name = names.get((code.co_qualname, code.co_firstlineno), ("", 0))
        if function.__module__ == module and name in changed:
            function.__code__ = changed[name]


def _named(source: str, path: Path) -> Iterator[tuple[CodeType, tuple[str, int]]]:
    """Return each function's code with its name: several lambdas of a module share theirs."""
    seen: Counter[str] = Counter()
    for code in _codes(compile(source, str(path), "exec")):
        seen[code.co_qualname] += 1
        yield code, (code.co_qualname, seen[code.co_qualname])


def only_functions_differ(before: str, after: str) -> bool:
    """Say whether two sources of a module differ in the bodies of functions alone."""
    return _frame(compile(before, "m", "exec")) == _frame(compile(after, "m", "exec"))


def _frame(code: CodeType) -> list[Any]:
    """Return what a module or a class does when it is made, without the bodies of functions."""
    # A class has no arguments and its name is no local one; a function has new locals.
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    classes = [_frame(each) for each in inner if not each.co_flags & 0x2]
    shapes = [(each.co_qualname, each.co_freevars, each.co_argcount) for each in inner]
    plain = [each for each in code.co_consts if not isinstance(each, CodeType)]
    return [code.co_code, code.co_names, repr(plain), shapes, classes]


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _let_go() -> None:
    """Close what no two processes may share."""
    connections.close_all()
    get_redis().close()


def _clear(lane: Lane) -> None:
    """Take everybody else off a lane's database, and every row out of it."""
    with psycopg.connect(lane.test_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with connection.cursor() as cursor:
            empty_tables(cursor)


def _define(lane: Lane, function: str) -> bool:
    """Put a function into a lane's database. Return False if PostgreSQL does not take it."""
    with psycopg.connect(lane.test_url, autocommit=True) as connection:
        try:
            connection.execute(function.encode())
        except psycopg.Error:
            return False
    return True


def try_alone(lane: Lane, task: Task) -> str:
    """Try a change to what a module does when it is imported: in a process that begins anew."""
    module = task.path.removesuffix(".py").replace("/", ".")
    child = fork(
        lane,
        ["-x", "--reuse-db", *task.tests],
        before=lambda: sys.meta_path.insert(0, _Changed(module, task.text)),
        plugins=[],
    )
    code = wait(child, seconds=30 + task.seconds)
    _clear(lane)
    return _outcome(code)


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
