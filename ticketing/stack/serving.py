"""What the servers of the stack have in common: a process, an address, a way to see it answer."""

import random
import secrets
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Final

from ticketing.stack.processes import Child, ProcessError

LOOPBACK: Final = "127.0.0.1"
_PATIENCE_SECONDS: Final = 60
# Below those that a system gives to outgoing connections: such a one could take the port of a
# server that is about to start.
_PORTS: Final = range(15_000, 32_000)
# A proxy of the environment has no business between two processes of one machine.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Service:
    """A server that can be started: its process, its address, and how to see that it answers."""

    child: Child
    url: str
    answers: Callable[[], bool]


def _go_on() -> None:
    pass


def wait_for(service: Service, *, checkpoint: Callable[[], None] = _go_on) -> None:
    """
    Wait until a service answers. `checkpoint` is called meanwhile and may raise.

    :raises ProcessError: if it died, or takes too long
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not service.answers():
        checkpoint()
        if service.child.has_died() or time.monotonic() > deadline:
            raise ProcessError(
                f"{service.child.name} does not answer:\n{service.child.last_lines()}"
            )
        time.sleep(0.05)


@contextmanager
def running(service: Service) -> Iterator[str]:
    """Run one service for a while, and give its address."""
    try:
        service.child.start()
        wait_for(service)
        yield service.url
    finally:
        service.child.stop()


def free_port(*, preferred: int | None = None) -> int:
    """Return a port of loopback that nobody listens on: last time's if it still is free."""
    others = random.sample(_PORTS, 100)
    for port in [preferred, *others] if preferred else others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise ProcessError("No port of this machine is free.")


def new_password() -> str:
    """Return a password that nobody guesses."""
    return secrets.token_urlsafe(24)


def ask(url: str, *, timeout: float) -> HTTPResponse:
    """
    Get a page of this machine.

    :raises OSError: if nobody answers, or with an error
    """
    answer: HTTPResponse = _opener.open(url, timeout=timeout)
    return answer


def write_private(file: Path, text: str) -> None:
    """Write a file whole or not at all, never readable by others in between."""
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    half.chmod(0o600)
    half.write_text(text)
    half.replace(file)
