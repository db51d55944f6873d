"""Folders of our own, outside the project too, that nobody else has prepared for us."""

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

from ticketing.stack.processes import StackError

# The kernel's limit for a socket's path is 108 bytes, the socket's own name included.
_LONGEST_FOLDER: Final = 80


def fingerprint(folder: Path) -> str:
    """Return a short name that no other folder has."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def is_plain(path: Path) -> bool:
    """Tell whether each of our servers and libraries can take this path."""
    # A comma would separate two hosts in PostgreSQL's connection strings.
    return (
        str(path).isascii() and not set(str(path)) & set(',"') and len(str(path)) <= _LONGEST_FOLDER
    )


def plain_folder(folder: Path) -> Path:
    """Return a place with a short and plain path, to stand for `folder` where its own is not."""
    name = f"bilheteria-{fingerprint(folder)}"
    chosen = Path(tempfile.gettempdir()) / name
    return chosen if is_plain(chosen) else Path("/tmp") / name  # noqa: S108 - see own


def own(folder: Path, *, user: str | None = None) -> None:
    """
    Make a folder that only we can enter, or `user`.

    :raises StackError: if it is there and somebody else's
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found, owners = folder.lstat(), {os.geteuid()}
    if user is not None:
        import pwd  # noqa: PLC0415 - there is none on every system, nor root

        owners.add(pwd.getpwnam(user).pw_uid)
    # In a folder that all may write, somebody may have come before us.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise StackError(f"{folder} belongs to somebody else.")
    if user is not None:
        shutil.chown(folder, user)
    folder.chmod(0o700)


def plain_python(folder: Path) -> Path:
    """
    Return this Python under a plain path, through a link if need be.

    curl takes no other for the certificates that lie beside our packages, and Celery's SQS
    transport asks it to: a checkout below `Área de Trabalho` would have no workers.
    """
    if sys.executable.isascii():
        return Path(sys.executable)
    place = plain_folder(folder)
    own(place)
    link = place / "venv"
    link.unlink(missing_ok=True)
    link.symlink_to(sys.prefix)
    return link / "bin" / Path(sys.executable).name
