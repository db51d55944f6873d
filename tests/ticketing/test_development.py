"""What `make dev` and `make shell` add to the local stack."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from redis import Redis
from structlog.contextvars import get_contextvars, unbind_contextvars

from events.models import Event
from ticketing.stack import development
from ticketing.stack.counting import CountingMiddleware
from ticketing.stack.development import restart_on_changes
from ticketing.stack.environment import PROJECT
from ticketing.stack.processes import Child, Roster
from ticketing.stack.stopping import Stopped, StopRequest


class Steps(StopRequest):
    """Runs one step at each pause. After the last step it stops."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        super().__init__()
        self.steps = list(steps)

    def pause(self, seconds: float) -> None:
        if not self.steps:
            raise Stopped
        self.steps.pop(0)()


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(development, "PROJECT", tmp_path)
    (tmp_path / "events").mkdir()
    file = tmp_path / "events" / "views.py"
    file.write_text("")
    return file


def develop(directory: Path, *steps: Callable[[Child], object]) -> None:
    roster = Roster(directory / "processes.json")
    program = [sys.executable, "-c", "print('at work', flush=True); import time; time.sleep(600)"]
    child = Child("web", program, log=directory / "log")
    roster.start(child)
    try:
        with pytest.raises(Stopped):
            restart_on_changes([child], roster, Steps(*[lambda s=s: s(child) for s in steps]))
    finally:
        roster.stop_all()


def test_a_process_starts_again_when_code_changes(code: Path, tmp_path: Path):
    pids = []

    develop(
        tmp_path,
        lambda web: pids.append(web.pid),
        lambda _web: code.write_text("is_changed = True"),
        lambda web: pids.append(web.pid),
        lambda web: pids.append(web.pid),
    )

    first, second, third = pids
    assert first != second == third


def test_code_with_a_syntax_error_restarts_nothing_and_the_error_is_printed(
    code: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    pids = []

    develop(
        tmp_path,
        lambda web: pids.append(web.pid),
        lambda _web: code.write_text("\ndef ("),
        lambda web: pids.append(web.pid),
    )

    assert pids[0] == pids[1]
    assert "events/views.py, line 2: invalid syntax" in capsys.readouterr().out


def test_a_process_that_ended_starts_again_with_the_next_change(code: Path, tmp_path: Path):
    alive = []

    develop(
        tmp_path,
        lambda web: web.kill(),
        lambda web: alive.append(not web.has_died()),
        lambda _web: code.write_text("is_fixed = True"),
        lambda web: alive.append(not web.has_died()),
    )

    assert alive == [False, True]


def test_whole_lines_of_a_log_are_printed_once(
    code: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    def write(text: str) -> None:
        with (tmp_path / "log").open("a") as log:
            log.write(text)

    develop(
        tmp_path,
        lambda _web: write("first\nsec"),
        lambda _web: write("ond\n"),
        lambda _web: None,
    )

    lines = [line for line in capsys.readouterr().out.splitlines() if "at work" not in line]
    assert lines == ["web      | first", "web      | second"]


@pytest.mark.django_db
def test_queries_and_round_trips_of_a_request_are_counted_for_its_log_line(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    pool = redis.connection_pool
    monkeypatch.setattr(pool, "connection_class", pool.connection_class)

    def answer(_request: object) -> HttpResponse:
        list(Event.objects.all())
        redis.ping()
        redis.ping()
        return HttpResponse()

    counting = CountingMiddleware(answer)
    # Drop the open connections, because only new ones are counted.
    pool.reset()
    for _time in range(2):
        counting(RequestFactory().get("/"))
    counts = get_contextvars()
    unbind_contextvars("queries", "round_trips")

    assert (counts["queries"], counts["round_trips"]) == (1, 2)


def test_a_shell_needs_a_running_stack(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "ticketing.stack", "shell"],
        cwd=PROJECT,
        env=os.environ | {"STACK_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "No stack runs here. Start one with `make run`" in done.stderr
