"""Claims what only one stack can use: its folder, the folder's lock, and the web server's port."""

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
    Create the stack's folder and check that it is writable.

    :raises StackError: if it is not
    """
    try:
        for place in (folder.path, folder.logs, folder.mailbox):
            place.mkdir(parents=True, exist_ok=True)
        folder.path.chmod(0o700)
        probe = folder.path / "probe"
        probe.write_bytes(b"0" * 4096)
        probe.unlink()
    except OSError as error:
        raise StackError(f"The folder {folder.path} is not writable: {error.strerror}.") from error


@contextmanager
def only_one(folder: Folder) -> Iterator[None]:
    """
    Hold the folder's lock.

    :raises StackError: if another stack holds it
    """
    with folder.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"Another stack runs in this folder already: {folder.path}. Stop it first."
            ) from error
        yield


def set_logs_aside(folder: Folder) -> None:
    """Rename the logs of the previous run to `*.log.1`, so that this run starts with empty ones."""
    for log in folder.logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def is_claimed(folder: Folder) -> bool:
    """Return whether a stack runs in this folder. A killed stack leaves its stack.json behind."""
    if not folder.lock.exists():
        return False
    try:
        with only_one(folder):
            return False
    except StackError:
        return True


def check_port(port: int) -> None:
    """
    Check that the web server can listen on this port.

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
