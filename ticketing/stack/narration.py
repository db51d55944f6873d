"""Prints the progress of a stack to the terminal while it starts, runs and stops."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def say(what: str) -> None:
    """Print one line of progress."""
    _write(f"  · {what}\n")


def say_line_of(name: str, line: str) -> None:
    """Print a line of a process's log."""
    _write(f"{name:8} | {line}\n")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is being done and, when it is done, how long it took."""
    terminal = sys.stdout.isatty()
    if terminal:
        _write(f"  … {what}")
    start = time.monotonic()
    try:
        yield
    except BaseException:
        if terminal:
            _write("\n")
        raise
    line = f"  ✓ {what} ({time.monotonic() - start:.1f} s)\n"
    _write(f"\r{line}" if terminal else line)


def greet(stack: Mapping[str, object], *, logs: Path) -> None:
    """Print the addresses of a started stack, and a request to try."""
    admin = stack["admin"]
    login = (
        f"user {admin['username']}, password {admin['password']}" if isinstance(admin, dict) else ""
    )
    url = stack["url"]
    body = (
        '{"event": "noite-de-jazz", "quantity": 2,'
        ' "customer": {"name": "Ana", "email": "ana@example.com"}}'
    )
    lines = [
        "",
        "  Bilheteria is running.",
        "",
        f"  shop       {url}/",
        f"  admin      {url}/admin/   {login}",
        f"  API docs   {url}/docs",
        f"  mailbox    {stack['mailbox_url']}   (every mail that was sent)",
        f"  logs       {logs}",
        "",
        "  Reserve two tickets of the demo event:",
        f"  curl -s {url}/orders -H 'Content-Type: application/json' -d '{body}'",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    _write("\n".join([*lines, ""]))


def _write(text: str) -> None:
    # The terminal or pipe may be closed. The error must not prevent the stopping of the children.
    with suppress(OSError):
        sys.stdout.write(text)
        sys.stdout.flush()
