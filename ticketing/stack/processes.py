"""Starts and stops child processes, and kills those that a killed stack left running."""

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_LOG_LINES: Final = 12
_LARGEST_LOG: Final = 20 * 1024 * 1024
_PATIENCE_SECONDS: Final = 5
# An environment variable of each child. Its descendants inherit it, so that `kill_leftovers` finds
# them after the child itself has ended.
_MARK: Final = "STACK_CHILD"


class StackError(Exception):
    """The stack cannot run. The message gives the reason, for the terminal."""


class ProcessError(StackError):
    """A child did not start, or died."""


@dataclass(eq=False)
class Child:
    """One process. `stop` sends it `stop_signal`, and SIGKILL after `patience` seconds."""

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    user: str | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    patience: float = 15
    mark: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Start the process, with its output appended to `log`.

        :raises ProcessError: if it cannot be executed
        """
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG:
                self.log.unlink()
            with self.log.open("ab") as output:
                self.process = subprocess.Popen[bytes](
                    list(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**(os.environ if self.env is None else self.env), _MARK: self.mark},
                    cwd=self.cwd,
                    user=self.user,
                    group=_group_of(self.user),
                    extra_groups=() if self.user else None,
                    # Ctrl-C must not reach the children: we stop them ourselves, in order.
                    start_new_session=True,
                    preexec_fn=die_with_parent(self.stop_signal),
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
        """Stop the process, then kill all its descendants, also if the process has ended before."""
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
        # It may have started further processes since `family` was read.
        _kill_all({*family, *_session(self.process.pid)})

    def kill(self) -> None:
        """Kill the process and all its descendants, without a signal to stop first."""
        if self.process is not None:
            _kill_all(_family(self.process.pid))
            self.process.wait()

    def last_lines(self) -> str:
        """Return the last lines of the log, indented."""
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-_LOG_LINES:])


@dataclass
class Roster:
    """The running children in the order of their start, and a file with their process ids."""

    file: Path
    children: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> None:
        # Before the start, so that `stop_all` stops the child even if `start` is interrupted.
        self.children.append(child)
        self.restart(child)

    def restart(self, child: Child) -> None:
        child.mark = _mark(self.file, child.name)
        child.start()
        self._write()

    def forget(self, child: Child) -> None:
        """Stop a child and remove it, so that its end does not count as a death."""
        child.stop()
        self.children.remove(child)
        self._write()

    def dead_children(self) -> list[Child]:
        return [child for child in self.children if child.has_died()]

    def stop_all(self) -> None:
        """Stop all children in the reverse order of their start."""
        while self.children:
            self.children.pop().stop()
        self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        known = {
            child.name: [child.pid, psutil.Process(child.pid).create_time()]
            for child in self.children
            if child.process is not None and not child.has_died()
        }
        # Written atomically: the next start reads this file, also if we are killed just now.
        half = self.file.with_suffix(".half")
        half.write_text(json.dumps(known))
        half.replace(self.file)


def kill_leftovers(file: Path) -> list[str]:
    """Kill the processes that a killed stack left running. Return their names."""
    if not file.exists():
        return []
    ended = []
    for name, (pid, created) in reversed(json.loads(file.read_text()).items()):
        try:
            leader = psutil.Process(pid)
            # The kernel may have given this process id to another program.
            if abs(leader.create_time() - created) > 1:
                continue
            family = _family(pid)
            leader.terminate()
            psutil.wait_procs([leader], timeout=_PATIENCE_SECONDS)
        except psutil.NoSuchProcess:
            # The child has ended, but its own children may still run.
            family = _marked(_mark(file, name))
        if family:
            _kill_all(family)
            ended.append(name)
    file.unlink(missing_ok=True)
    return ended


def die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    """
    Return a `preexec_fn`: it makes the kernel send the child a signal when this process dies.

    Return None where the kernel is not Linux.
    """
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def request_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal_number))
        # The parent may have died before the call above.
        if os.getppid() != parent:
            os.kill(os.getpid(), signal_number)

    return request_death_signal


def _mark(file: Path, name: str) -> str:
    return f"{file}:{name}"


def _family(pid: int) -> set[psutil.Process]:
    # All descendants, and the processes of its session whose own parent has died.
    try:
        leader = psutil.Process(pid)
        return {leader, *leader.children(recursive=True), *_session(pid)}
    except psutil.NoSuchProcess:
        return _session(pid)


def _session(pid: int) -> set[psutil.Process]:
    # The kernel does not reuse the number while one process of the session lives.
    return {process for process in psutil.process_iter() if _session_of(process.pid) == pid}


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _marked(mark: str) -> set[psutil.Process]:
    return {process for process in psutil.process_iter() if _mark_of(process) == mark}


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK)
    except (psutil.Error, OSError):
        return None


def _kill_all(family: Iterable[psutil.Process]) -> None:
    family = list(family)
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=_PATIENCE_SECONDS)


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    import pwd  # noqa: PLC0415 - exists on Unix only, as root does

    return pwd.getpwnam(user).pw_gid
