"""What a start needs for itself alone: a folder it can write, a lock on it, and the port."""

import errno
import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ticketing.stack.environment import Folder
from ticketing.stack.processes import StackError
from ticketing.stack.serving import LOOPBACK

_HIGHEST_PORT: Final = 65_535


def prepare_folder(folder: Folder) -> None:
    """
    Make the stack's folder and see that it can be written.

    :raises StackError: if it cannot
    """
    try:
        for place in (folder.path, folder.logs, folder.mailbox):
            place.mkdir(parents=True, exist_ok=True)
        folder.path.chmod(0o700)
        probe = folder.path / "probe"
        probe.write_bytes(b"0" * 4096)
        probe.unlink()
    except OSError as error:
        raise StackError(f"{folder.path} cannot be written: {error.strerror}.") from error


@contextmanager
def only_one(folder: Folder) -> Iterator[None]:
    """
    Hold the folder for ourselves.

    :raises StackError: if another stack runs in it
    """
    with folder.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError("A stack runs in this folder already. Stop it first.") from error
        yield


def set_logs_aside(folder: Folder) -> None:
    """Start with empty logs, and keep those of the last time beside them."""
    for log in folder.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def is_claimed(folder: Folder) -> bool:
    """Tell whether a stack runs in this folder: stack.json may be of one that was killed."""
    if not folder.lock.exists():
        return False
    try:
        with only_one(folder):
            return False
    except StackError:
        return True


def check_port(port: int) -> None:
    """
    See that the web server can have its port.

    :raises StackError: if it cannot
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                other = port + 1 if port < _HIGHEST_PORT else port - 1
                raise StackError(
                    f"Port {port} is in use. Choose another: PORT={other} make run"
                ) from error
            raise StackError(f"Port {port} cannot be used: {error.strerror}.") from error
