"""Child processes: started, watched, stopped, and never left behind."""

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
# In the environment of each child and so of all that it starts: by it they are known again.
_MARK: Final = "STACK_CHILD"


class StackError(Exception):
    """Why the stack cannot run, in one line or a few."""


class ProcessError(StackError):
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
    mark: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """
        Start it, writing to its log.

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
                    # Ctrl-C reaches us alone: we stop the children, in order.
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
        """End it and all that it started, politely first; also what it left when it died."""
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
        # Once more: it may have started others meanwhile.
        _kill_all({*family, *_session(self.process.pid)})

    def kill(self) -> None:
        """End it and all that it started at once, as a machine that fails does."""
        if self.process is not None:
            _kill_all(_family(self.process.pid))
            self.process.wait()

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
        # Known before it lives: whatever happens next, it is stopped.
        self.children.append(child)
        self.restart(child)

    def restart(self, child: Child) -> None:
        child.mark = _mark(self.file, child.name)
        child.start()
        self._write()

    def forget(self, child: Child) -> None:
        """Stop a child that has done its work, and watch it no more."""
        child.stop()
        self.children.remove(child)
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
            if child.process is not None and not child.has_died()
        }
        # Whole or not at all: we may be killed at any moment, and the next start reads it.
        half = self.file.with_suffix(".half")
        half.write_text(json.dumps(known))
        half.replace(self.file)


def kill_leftovers(file: Path) -> list[str]:
    """End what an earlier stack left behind when it was killed itself. Return the names."""
    if not file.exists():
        return []
    ended = []
    for name, (pid, created) in reversed(json.loads(file.read_text()).items()):
        try:
            leader = psutil.Process(pid)
            # The same number may belong to somebody else by now.
            if abs(leader.create_time() - created) > 1:
                continue
            family = _family(pid)
            leader.terminate()
            psutil.wait_procs([leader], timeout=_PATIENCE_SECONDS)
        except psutil.NoSuchProcess:
            # It is gone, and may have left children who do not notice.
            family = _marked(_mark(file, name))
        if family:
            _kill_all(family)
            ended.append(name)
    file.unlink(missing_ok=True)
    return ended


def die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child must do first so that the kernel ends it when we die; Linux only."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def ask_the_kernel() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != parent:
            os.kill(os.getpid(), signal_number)

    return ask_the_kernel


def _mark(file: Path, name: str) -> str:
    return f"{file}:{name}"


def _family(pid: int) -> set[psutil.Process]:
    # Its descendants, and those of its session whose own parent has died.
    try:
        leader = psutil.Process(pid)
        return {leader, *leader.children(recursive=True), *_session(pid)}
    except psutil.NoSuchProcess:
        return _session(pid)


def _session(pid: int) -> set[psutil.Process]:
    # The kernel gives the number to nobody else while one of the session lives.
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
    import pwd  # noqa: PLC0415 - there is none on every system, nor root

    return pwd.getpwnam(user).pw_gid
