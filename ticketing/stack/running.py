"""A stack for a while: for the demo, and for tests that want the real processes."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ticketing.stack.environment import PROJECT, Folder
from ticketing.stack.services import free_port

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
        """Return the process id of `web`, `worker`, `mailer`, `beat` or a server."""
        return int(json.loads(self.folder.roster.read_text())[name][0])


def find_running(folder: Folder) -> RunningStack | None:
    """Return the stack that runs in `folder`, if one answers."""
    try:
        addresses = json.loads(folder.stack.read_text())
        with urllib.request.urlopen(f"{addresses['url']}/healthz", timeout=3):  # noqa: S310
            return RunningStack(folder, addresses)
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
    ours = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "AWS_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    env |= {"STACK_DIR": str(directory), **(overrides or {})}
    with (directory / "stack.log").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--restart"] if restart else command,
            cwd=PROJECT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _wait(folder, process)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(folder: Folder, process: subprocess.Popen[bytes]) -> RunningStack:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if stack := find_running(folder):
            return stack
        time.sleep(0.2)
    raise StackNotRunning((folder.path / "stack.log").read_text(errors="replace"))
