"""Finds a running stack, or starts one for a `with` block: for the demo and for tests."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ticketing.stack.claim import is_claimed
from ticketing.stack.environment import PROJECT, Folder, inherited_environment
from ticketing.stack.processes import Child
from ticketing.stack.serving import free_port, get_url

_START_SECONDS: Final = 120
_STOP_SECONDS: Final = 60


class StackNotRunning(Exception):
    """No stack runs, or it did not start. The message gives the reason or the stack's log."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """A running stack: its folder, and the contents of its stack.json."""

    folder: Folder
    addresses: Mapping[str, Any]

    @property
    def url(self) -> str:
        return str(self.addresses["url"])

    def pid(self, name: str) -> int:
        """Return the process id of a child: `web`, `beat`, a worker or a server."""
        return int(json.loads(self.folder.roster.read_text())[name][0])


def find_running(folder: Folder) -> RunningStack | None:
    """Return the stack that runs in `folder`, or None if its web server does not answer."""
    try:
        addresses = json.loads(folder.stack.read_text())
        with get_url(f"{addresses['url']}/healthz", timeout=3):
            # A killed stack leaves its stack.json, and another web server may have its port now.
            return RunningStack(folder, addresses) if is_claimed(folder) else None
    except (OSError, ValueError):
        return None


@contextmanager
def running_stack(
    directory: Path, *, restart: bool = False, overrides: Mapping[str, str] | None = None
) -> Iterator[RunningStack]:
    """
    Start a stack in `directory`, and stop it at the end of the block.

    :raises StackNotRunning: if it does not start
    """
    folder = Folder(directory)
    command = [sys.executable, "-m", "ticketing.stack", "run", "--port", str(free_port())]
    # The tests' own servers and settings must not reach the stack's processes.
    of_tests = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    env = {name: value for name, value in inherited_environment().items() if name not in of_tests}
    env |= {"STACK_DIR": str(directory), **(overrides or {})}
    log = directory / "stack.log"
    log.unlink(missing_ok=True)
    supervisor = Child(
        "stack",
        [*command, "--restart"] if restart else command,
        log=log,
        env=env,
        cwd=PROJECT,
        patience=_STOP_SECONDS,
    )
    try:
        supervisor.start()
        yield _wait(folder, supervisor)
    finally:
        supervisor.stop()


def _wait(folder: Folder, supervisor: Child) -> RunningStack:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and not supervisor.has_died():
        if stack := find_running(folder):
            return stack
        time.sleep(0.2)
    raise StackNotRunning(supervisor.log.read_text(errors="replace"))
