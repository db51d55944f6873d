"""A stack for a while: for the demo, and for tests that want the real processes."""

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
from ticketing.stack.serving import ask, free_port

_START_SECONDS: Final = 120
_STOP_SECONDS: Final = 60


class StackNotRunning(Exception):
    """It could not be started; its own words say why."""


@dataclass(frozen=True, slots=True)
class RunningStack:
    """Where a stack is, and who its processes are."""

    folder: Folder
    addresses: Mapping[str, Any]

    @property
    def url(self) -> str:
        return str(self.addresses["url"])

    def pid(self, name: str) -> int:
        """Return the process id of `web`, `beat`, one of the workers, or a server."""
        return int(json.loads(self.folder.roster.read_text())[name][0])


def find_running(folder: Folder) -> RunningStack | None:
    """Return the stack that runs in `folder`, if one answers."""
    try:
        addresses = json.loads(folder.stack.read_text())
        with ask(f"{addresses['url']}/healthz", timeout=3):
            # The file may be of one that was killed, and another's web server at its port.
            return RunningStack(folder, addresses) if is_claimed(folder) else None
    except (OSError, ValueError):
        return None


@contextmanager
def running_stack(
    directory: Path, *, restart: bool = False, overrides: Mapping[str, str] | None = None
) -> Iterator[RunningStack]:
    """
    Start a whole stack in `directory`, and stop it at the end.

    :raises StackNotRunning: if it does not start
    """
    folder = Folder(directory)
    command = [sys.executable, "-m", "ticketing.stack", "run", "--port", str(free_port())]
    # What tests set up for themselves is not for the stack's processes.
    ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    env = {name: value for name, value in inherited_environment().items() if name not in ours}
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
