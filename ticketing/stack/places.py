"""Private folders with short, plain paths, where the stack's own folder has an unsuitable path."""

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
    """Return a short name that is unique to this folder."""
    return hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]


def is_plain(path: Path) -> bool:
    """Return whether all of our servers and libraries accept this path."""
    # A comma would separate two hosts in PostgreSQL's connection strings.
    return (
        str(path).isascii() and not set(str(path)) & set(',"') and len(str(path)) <= _LONGEST_FOLDER
    )


def plain_folder(folder: Path) -> Path:
    """Return a folder with a short, plain path, to use instead of `folder`. It is not created."""
    name = f"bilheteria-{fingerprint(folder)}"
    chosen = Path(tempfile.gettempdir()) / name
    return chosen if is_plain(chosen) else Path("/tmp") / name  # noqa: S108 - `own` checks who owns it


def own(folder: Path, *, user: str | None = None) -> None:
    """
    Create a folder, or take an existing one, and let only `user` (default: this user) enter it.

    :raises StackError: if it is a symbolic link, or belongs to another user
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found, owners = folder.lstat(), {os.geteuid()}
    if user is not None:
        import pwd  # noqa: PLC0415 - Unix only; a caller passes `user` only if it runs as root

        owners.add(pwd.getpwnam(user).pw_uid)
    # In a world-writable folder such as /tmp another user may have created it first.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in owners:
        raise StackError(f"{folder} is a link or belongs to another user. Delete it and try again.")
    if user is not None:
        shutil.chown(folder, user)
    folder.chmod(0o700)


def plain_python(folder: Path) -> Path:
    """
    Return the path of this Python, through a symbolic link if the path is not ASCII.

    Celery's SQS transport uses curl, and curl cannot read certificates below a path with non-ASCII
    characters. Without the link, workers of a checkout in `Área de Trabalho` could not connect.
    """
    if sys.executable.isascii():
        return Path(sys.executable)
    place = plain_folder(folder)
    own(place)
    link = place / "venv"
    link.unlink(missing_ok=True)
    link.symlink_to(sys.prefix)
    return link / "bin" / Path(sys.executable).name
