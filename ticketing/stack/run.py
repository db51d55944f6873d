"""The whole system on one machine: started in order, watched, and stopped without a trace."""

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import urlsplit

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ticketing.stack import services
from ticketing.stack.environment import (
    PROJECT,
    Folder,
    make_env,
    read_env,
    write_env,
    write_stack,
)
from ticketing.stack.processes import Child, ProcessError, Roster, kill_leftovers

_READY_SECONDS: Final = 60
# What a start may change without touching a file, for tests and tools.
_PASSED_ON: Final = (
    "SQS_VISIBILITY_SECONDS",
    "SQS_BACKOFF_SECONDS",
    "LOG_LEVEL",
    "DATABASE_POOL_SIZE",
)


class StackError(Exception):
    """Why the stack cannot run, in one line or a few."""


class Stopped(BaseException):
    """Somebody asked us to end."""


def run(folder: Folder, *, port: int, restart: bool) -> None:
    """
    Start everything, say where it is, and stay until somebody asks us to stop.

    With `restart` a dead process of ours is started again; else it ends the stack.

    :raises StackError: if something is in the way, or a process died
    """
    _prepare_folder(folder)
    with _only_one(folder), _stop_on_signals():
        roster = Roster(folder.roster)
        try:
            folder.stack.unlink(missing_ok=True)
            _check_port(port)
            if ended := kill_leftovers(folder.roster):
                _say(f"ended what an earlier stack left behind: {', '.join(ended)}")
            env = _start_servers(folder, roster, port)
            _prepare(env)
            _start_processes(folder, roster, port, env)
            stack = write_stack(folder, port=port, env=env)
            _greet(folder, stack)
            _watch(roster, restart=restart)
        except ProcessError as error:
            raise StackError(str(error)) from error
        finally:
            # From here on a second Ctrl-C must not leave anybody behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            folder.stack.unlink(missing_ok=True)
            if roster.children:
                _say("stopping")
                roster.stop_all()


def reset(folder: Folder) -> None:
    """
    Delete all data of the stack.

    :raises StackError: if it runs
    """
    if not folder.path.exists():
        return
    with _only_one(folder):
        kill_leftovers(folder.roster)
        for place in (services.postgres_folder(folder.path), folder.path):
            shutil.rmtree(place, ignore_errors=True)
            if place.exists():
                raise StackError(f"{place} could not be deleted.")


def _prepare_folder(folder: Folder) -> None:
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
def _only_one(folder: Folder) -> Iterator[None]:
    with folder.lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError("A stack runs in this folder already. Stop it first.") from error
        yield


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    yield


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((services.LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise StackError(
                    f"Port {port} is in use. Choose another: PORT=8001 make run"
                ) from error
            raise StackError(f"Port {port} cannot be used: {error.strerror}.") from error


def _start_servers(folder: Folder, roster: Roster, port: int) -> dict[str, str]:
    before = read_env(folder)
    redis_before = urlsplit(before.get("REDIS_URL", ""))
    aws_before = urlsplit(before.get("AWS_ENDPOINT_URL", ""))
    with _step("PostgreSQL, Valkey and a local AWS"):
        servers = [
            services.postgres(folder.path),
            services.valkey(
                folder.path / "valkey",
                port=services.free_port(preferred=redis_before.port),
                password=redis_before.password or services.new_password(),
            ),
            services.aws(folder.path / "aws", port=services.free_port(preferred=aws_before.port)),
        ]
        for server in servers:
            roster.start(server.child)
        for server in servers:
            services.wait_for(server)
    database, redis, aws = (server.url for server in servers)
    env = make_env(
        folder,
        port=port,
        database_url=database,
        redis_url=redis,
        aws_url=aws,
        overrides={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )
    write_env(folder, env)
    return env


def _prepare(env: Mapping[str, str]) -> None:
    with _step("tables, queues, bucket, demo data, translations and static files"):
        compile_translations()
        with ThreadPoolExecutor() as together:
            done = [
                together.submit(_manage, env, "set_up", "-v0"),
                together.submit(_manage, env, "collectstatic", "--noinput", "-v0"),
            ]
        for each in done:
            each.result()


def compile_translations() -> None:
    """Compile each catalogue that is newer than what was made of it."""
    for source in (PROJECT / "locale").glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            with source.open("rb") as text, target.open("wb") as compiled:
                write_mo(compiled, read_po(text))


def _start_processes(folder: Folder, roster: Roster, port: int, env: Mapping[str, str]) -> None:
    environment = {**os.environ, **env, "PYTHONUNBUFFERED": "1"}

    def start(name: str, *command: str) -> None:
        roster.start(
            Child(
                name,
                [sys.executable, "-m", *command],
                log=folder.logs / f"{name}.log",
                env=environment,
                cwd=PROJECT,
            )
        )

    with _step("web, worker, mailer and beat"):
        start(
            "web", "granian", "--interface", "wsgi", "config.wsgi:application",
            "--host", services.LOOPBACK, "--port", str(port),
            "--workers", "2", "--blocking-threads", "8", "--backlog", "2048",
            "--workers-kill-timeout", "10",
        )  # fmt: skip
        celery = ("celery", "-A", "config")
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        start("worker", *celery, "worker", "-n", "sale@%h", "-Q", "sale,upkeep", "-c", "2", *quiet)
        start("mailer", *celery, "worker", "-n", "mail@%h", "-Q", "delivery", "-c", "1", *quiet)
        start("beat", *celery, "beat", "-s", str(folder.path / "beat"), "--pidfile=")
        _wait_until_ready(roster, port)


def _wait_until_ready(roster: Roster, port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    said = ""
    while time.monotonic() < deadline:
        _fail_on_death(roster)
        try:
            with urllib.request.urlopen(f"http://{services.LOOPBACK}:{port}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
        except OSError as error:
            said = str(error)
        time.sleep(0.1)
    raise StackError(f"The web server is not ready after {_READY_SECONDS} s: {said}")


def _watch(roster: Roster, *, restart: bool) -> None:
    while True:
        if restart:
            for child in roster.the_dead():
                _say(f"{child.name} died; starting it again")
                child.stop()
                roster.restart(child)
        else:
            _fail_on_death(roster)
        time.sleep(0.3)


def _fail_on_death(roster: Roster) -> None:
    for child in roster.the_dead():
        code = child.process.returncode if child.process else "?"
        raise StackError(
            f"{child.name} ended with {code}. The end of {child.log}:\n{child.last_lines()}"
        )


def _manage(env: Mapping[str, str], *command: str) -> None:
    _call([sys.executable, "-W", "ignore", str(PROJECT / "manage.py"), *command], env)


def _call(command: list[str], env: Mapping[str, str] | None) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=PROJECT,
        env={**os.environ, **env} if env else None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip().splitlines()
        lines = "\n".join(f"    {line}" for line in output[-15:])
        raise StackError(f"`{Path(command[1]).name} {' '.join(command[3:])}` failed:\n{lines}")


@contextmanager
def _step(what: str) -> Iterator[None]:
    terminal = sys.stdout.isatty()
    if terminal:
        print(f"  … {what}", end="", flush=True)  # noqa: T201 - we speak to a person
    start = time.monotonic()
    yield
    line = f"  ✓ {what} ({time.monotonic() - start:.1f} s)"
    print(f"\r{line}" if terminal else line, flush=True)  # noqa: T201


def _say(what: str) -> None:
    print(f"  · {what}", flush=True)  # noqa: T201


def _greet(folder: Folder, stack: Mapping[str, object]) -> None:
    admin = stack["admin"]
    login = f"{admin['username']} / {admin['password']}" if isinstance(admin, dict) else ""
    url = stack["url"]
    body = (
        '{"event": "noite-de-jazz", "quantity": 2,'
        ' "customer": {"name": "Ana", "email": "ana@example.com"}}'
    )
    lines = [
        "",
        "  Bilheteria is running.",
        "",
        f"  admin      {url}/admin/   {login}",
        f"  API        {url}/docs",
        f"  mailbox    {stack['mailbox_url']}",
        f"  logs       {folder.logs}",
        "",
        "  Try it:",
        f"  curl -s {url}/orders -H 'Content-Type: application/json' -d '{body}'",
        "",
        "  Ctrl-C stops everything.",
        "",
    ]
    print("\n".join(lines), flush=True)  # noqa: T201
