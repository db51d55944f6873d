"""Child processes: started, watched, stopped, and never left behind."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_LOG_LINES: Final = 12
_LARGEST_LOG: Final = 20 * 1024 * 1024


class ProcessError(Exception):
    """A child did not start, or died."""


@dataclass(eq=False)
class Child:
    """One process. `stop_signal` asks it to end; after `patience` seconds it is killed."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    user: str | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Start it, writing to its log.

        :raises ProcessError: if it cannot be executed
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG:
            self.log.unlink()
        with self.log.open("ab") as output:
            try:
                self.process = subprocess.Popen[bytes](
                    list(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(self.env) if self.env is not None else None,
                    cwd=self.cwd,
                    user=self.user,
                    group=_group_of(self.user),
                    extra_groups=() if self.user else None,
                    # Ctrl-C reaches us alone: we stop the children, in order.
                    start_new_session=True,
                    preexec_fn=_die_with_parent(self.stop_signal),
                )
            except OSError as error:
                raise ProcessError(f"{self.name} cannot be started: {error}") from error

    @property
    def pid(self) -> int:
        if self.process is None:
            raise ProcessError(f"{self.name} was not started.")
        return self.process.pid

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """End it and all that it started: politely first."""
        if self.process is None:
            return
        family = _family(self.process.pid)
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(self.patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        _kill_all(family)

    def last_lines(self) -> str:
        """Return the end of its log."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])


@dataclass
class Roster:
    """The children that run, in the order of their start, and a file that names them."""

    file: Path
    children: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> None:
        child.start()
        self.children.append(child)
        self._write()

    def restart(self, child: Child) -> None:
        child.start()
        self._write()

    def the_dead(self) -> list[Child]:
        return [child for child in self.children if child.has_died()]

    def stop_all(self) -> None:
        """Stop everything, the last one first."""
        while self.children:
            self.children.pop().stop()
        self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        known = {
            child.name: [child.pid, psutil.Process(child.pid).create_time()]
            for child in self.children
            if not child.has_died()
        }
        self.file.write_text(json.dumps(known))


def kill_leftovers(file: Path) -> list[str]:
    """End what an earlier stack left behind when it was killed itself. Return the names."""
    if not file.exists():
        return []
    ended = []
    for name, (pid, created) in json.loads(file.read_text() or "{}").items():
        try:
            process = psutil.Process(pid)
            # The same number may belong to somebody else by now.
            if abs(process.create_time() - created) > 1:
                continue
            family = _family(pid)
            process.terminate()
            psutil.wait_procs([process], timeout=5)
            _kill_all(family)
            ended.append(name)
        except psutil.NoSuchProcess:
            continue
    file.unlink(missing_ok=True)
    return ended


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill_all(family: Sequence[psutil.Process]) -> None:
    gone_at = time.monotonic() + 5
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(list(family), timeout=max(0.0, gone_at - time.monotonic()))


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd  # noqa: PLC0415 - there is none on every system, nor root

    return pwd.getpwnam(user).pw_gid


def _die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != parent:
            os.kill(os.getpid(), signal_number)

    return ask_the_kernel
