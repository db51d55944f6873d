"""
Runs tests against one change at a time, each in a forked process.

A lane is a process with a database and a Valkey of its own, which collects all tests once. For each
change it forks a child, which applies the change in memory, runs the chosen tests and exits. No
file of the checkout is changed.
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

# Tests that must not judge a change. Those that start other processes do not see a change in
# memory. Those that compare SQL functions with their files fail for every change of a function.
# test_broken_variants.py replaces functions itself. Some walk through all pages or drive a browser,
# and take minutes.
LEFT_OUT: Final = [
    "tests/engine/test_broken_variants.py",
    "tests/system",
    "tests/system/test_stack.py",
    "tests/ticketing/database/test_sql_files.py",
    "tests/ticketing/database/test_timeouts.py",
    "tests/ticketing/telemetry/test_tracing.py",
    "tests/pages/test_admin_privacy.py",
    "tests/pages/test_admin_roles.py",
    "tests/browser",
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
    """A change for a lane: its kind, the changed file, its new text, and the tests to run."""

    kind: str
    path: str
    text: str
    tests: list[str]
    restore: str = ""
    # After this time its tests count as hanging.
    seconds: float = 60


@dataclass(slots=True)
class Lane:
    """A process that forks for each change, with a database of its own."""

    number: int
    url: str
    log: Path
    process: int = 0
    tasks: IO[str] = field(default=sys.stdout)
    results: int = -1

    @property
    def test_url(self) -> str:
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"/test_{parts.path.lstrip('/')}"))

    @property
    def failed(self) -> Path:
        """Return the file into which a child writes the name of the failed test."""
        return self.log.with_suffix(".failed")

    def begin(self, task: Task) -> None:
        self.tasks.write(json.dumps(asdict(task)) + "\n")
        self.tasks.flush()

    def result(self) -> str:
        """Return the outcome, a tab and the failed test. Return "" while the task runs."""
        with suppress(BlockingIOError):
            found = os.read(self.results, 1000).decode()
            if not found:
                raise RuntimeError(
                    f"Job {self.number} died. The end of its log:\n{self.log.read_text()[-3000:]}"
                )
            return found.strip()
        return ""


def lanes_of(database_url: str, folder: Path, count: int) -> list[Lane]:
    """Describe `count` lanes with databases on one server. They are not started yet."""
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
        # A forked child must never continue with its parent's code. An exception is in the log.
        os._exit(code)


def wait(child: int, *, seconds: float) -> int | None:
    """Return a child's exit code. Kill it and return None if it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    end(child)
    return None


def end(child: int) -> None:
    """Kill a child and all its descendants."""
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(child), *psutil.Process(child).children(recursive=True)]
        for process in reversed(family):
            process.kill()
    os.waitpid(child, 0)


def open_lane(lane: Lane) -> None:
    """Start a lane: it collects all tests, creates its database, and waits for tasks."""
    tasks_out, tasks_in = os.pipe()
    results_out, results_in = os.pipe()
    serving = _Serving(lane, os.fdopen(tasks_out), results_in)
    left_out = [f"--ignore={path}" for path in LEFT_OUT]
    lane.process = fork(
        lane, ["tests", "--create-db", *left_out], before=lambda: None, plugins=[serving]
    )
    os.close(results_in)
    os.set_blocking(results_out, False)
    lane.tasks, lane.results = os.fdopen(tasks_in, "w"), results_out


class _Serving:
    """A pytest plugin that replaces pytest's loop: it forks a child for each task."""

    def __init__(self, lane: Lane, tasks: IO[str], results: int) -> None:
        self._lane = lane
        self._tasks = tasks
        self._results = results

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A child exits before pytest prints its summary, so failures are written here.
        if report.failed:
            self._lane.failed.write_text(report.nodeid)
            sys.stderr.write(f"\n{report.nodeid}\n{report.longreprtext}\n")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self._create_database(session)
        os.write(self._results, b"ready\n")
        for line in self._tasks:
            task = Task(**json.loads(line))
            self._lane.failed.write_text("")
            outcome = self._try(task, session, items)
            os.write(self._results, f"{outcome}\t{self._lane.failed.read_text()}\n".encode())
        return True

    def _create_database(self, session: pytest.Session) -> None:
        # Run some tests, so that the children inherit what a process loads only once, such as URLs.
        outer = [item for item in reversed(session.items) if item.path.parent == PROJECT / "tests"]
        _run_all(list({item.path: item for item in outer}.values()), session)
        if session.testsfailed:
            raise RuntimeError("The tests that create the database failed.")
        _close_connections()

    def _try(self, task: Task, session: pytest.Session, items: dict[str, pytest.Item]) -> str:
        _clear(self._lane)
        if task.kind == "sql" and not _define(self._lane, task.text):
            return "not valid SQL"
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
    """Return the outcome of a change by the exit code of its tests, None if they took too long."""
    if code is None:
        return "too slow"
    if code == _CRASHED:
        return "not tried"
    return "noticed" if code else "unnoticed"


def _run_and_leave(task: Task, session: pytest.Session, chosen: Sequence[pytest.Item]) -> None:
    code = _CRASHED
    try:
        _apply(task)
        _run_all(chosen, session)
        code = int(bool(session.testsfailed))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stderr.flush()
        os._exit(code)


def _run_all(items: Sequence[pytest.Item], session: pytest.Session) -> None:
    """Run tests until one fails, and keep the session's fixtures."""
    # pytest tears down the fixtures that the next test does not share. The last test gets a test of
    # another file as its successor, so that only the session's fixtures stay.
    for item, following in pairwise([*items, *_any_of_another_file(items, session)]):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            break


def _any_of_another_file(
    items: Sequence[pytest.Item], session: pytest.Session
) -> list[pytest.Item]:
    outer = (item for item in session.items if item.path.parent == PROJECT / "tests")
    return [next(item for item in outer if item.path != items[-1].path)] if items else []


def _apply(task: Task) -> None:
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
    """Replace the code of every function of an imported module by that of a changed source."""
    found = sys.modules[module]
    path = Path(str(found.__file__))
    changed = {name: code for code, name in _named(source, path)}
    names = {
        (code.co_qualname, code.co_firstlineno): name
        for code, name in _named(path.read_text(), path)
    }
    # The fixtures have frozen what was loaded: the collector does not list it.
    gc.unfreeze()
    swapped = 0
    # `type(each)`, not isinstance: a weak proxy to a dead object raises when its class is read.
    for function in [each for each in gc.get_objects() if type(each) is FunctionType]:
        code = function.__code__
        name = names.get((code.co_qualname, code.co_firstlineno), ("", 0))
        if function.__module__ == module and name in changed:
            function.__code__ = changed[name]
            swapped += 1
    if not swapped:
        raise RuntimeError(f"No function of {module} was found, so no change was made.")


def _named(source: str, path: Path) -> Iterator[tuple[CodeType, tuple[str, int]]]:
    """Yield each function's code with its name and a number: several lambdas share one name."""
    seen: Counter[str] = Counter()
    for code in _codes(compile(source, str(path), "exec")):
        seen[code.co_qualname] += 1
        yield code, (code.co_qualname, seen[code.co_qualname])


def only_functions_differ(before: str, after: str) -> bool:
    """Return whether two sources of a module differ only in the bodies of functions."""
    return _frame(compile(before, "m", "exec")) == _frame(compile(after, "m", "exec"))


def _frame(code: CodeType) -> list[Any]:
    """Return what runs when a module or class is created, without the bodies of functions."""
    # The flag 0x2 (CO_NEWLOCALS) is set for functions and not for classes.
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


def _close_connections() -> None:
    """Close connections before a fork: two processes must not share one."""
    connections.close_all()
    get_redis().close()


def _clear(lane: Lane) -> None:
    """Disconnect all other clients from a lane's database, and delete all rows."""
    with psycopg.connect(lane.test_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with connection.cursor() as cursor:
            empty_tables(cursor)


def _define(lane: Lane, function: str) -> bool:
    """Define a function in a lane's database. Return False if PostgreSQL refuses it."""
    with psycopg.connect(lane.test_url, autocommit=True) as connection:
        try:
            connection.execute(function.encode())
        except psycopg.Error:
            return False
    return True


def try_alone(lane: Lane, task: Task) -> str:
    """Try a change to code that runs at import. It needs a new process and no forked lane."""
    module = task.path.removesuffix(".py").replace("/", ".")
    child = fork(
        lane,
        ["-x", "--reuse-db", *task.tests],
        before=lambda: sys.meta_path.insert(0, _Changed(module, task.text)),
        plugins=[],
    )
    code = wait(child, seconds=30 + task.seconds)
    _clear(lane)
    # Unchanged, the file has passed its tests in a lane. So an exception outside of all tests comes
    # from the change: with it, Django does not start.
    return "noticed" if code == _CRASHED else _outcome(code)


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
        # Modules find their Lua scripts beside `__file__`.
        module.__file__ = str(PROJECT / (self._module.replace(".", "/") + ".py"))
        super().exec_module(module)
