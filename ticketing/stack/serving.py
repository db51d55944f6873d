"""Starts one server and waits until it answers; free ports, passwords and private files for it."""

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
# Below the ports that the kernel gives to outgoing connections: one of these could take the port
# between `free_port` and the start of the server.
_PORTS: Final = range(15_000, 32_000)
# Requests to this machine must not go through a proxy that the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Service:
    """A server that can be started: its process, its URL, and a check whether it answers."""

    child: Child
    url: str
    answers: Callable[[], bool]


def _never_interrupt() -> None:
    pass


def wait_for(service: Service, *, checkpoint: Callable[[], None] = _never_interrupt) -> None:
    """
    Wait until a service answers. `checkpoint` is called repeatedly, and may raise to interrupt.

    :raises ProcessError: if the service died, or takes too long
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
    """Run one service until the end of the block. Yield its URL."""
    try:
        service.child.start()
        wait_for(service)
        yield service.url
    finally:
        service.child.stop()


def free_port(*, preferred: int | None = None) -> int:
    """Return a loopback port on which no process listens: `preferred` if it is free."""
    others = random.sample(_PORTS, 100)
    for port in [preferred, *others] if preferred else others:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise ProcessError("No free port was found on this machine.")


def new_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(24)


def get_url(url: str, *, timeout: float) -> HTTPResponse:
    """
    Send a GET request to a server on this machine.

    :raises OSError: if no server answers, or the response is an error
    """
    response: HTTPResponse = _opener.open(url, timeout=timeout)
    return response


def write_private(file: Path, text: str) -> None:
    """Write a file atomically, readable by this user only at every moment."""
    half = file.with_suffix(".half")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    half.chmod(0o600)
    half.write_text(text)
    half.replace(file)
