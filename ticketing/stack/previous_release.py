"""The release whose processes still run while the next one migrates the database."""

import io
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Final

from ticketing.stack.environment import PROJECT

_APPS: Final = ("ticketing", "events", "orders", "tickets")


class NoHistory(Exception):
    """There is no git history here at all: this is an unpacked archive."""


class ReleaseNotFetched(Exception):
    """There is a git history, and the previous release is not in it."""


def previous_release() -> str:
    """Return the full hash of its commit, from pyproject.toml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    return str(project["tool"]["bilheteria"]["previous_release"])


def extract(into: Path) -> None:
    """
    Unpack the source of the previous release.

    :raises NoHistory: where there is no git history
    :raises ReleaseNotFetched: where it does not reach back to the release
    """
    archive = _git("archive", "--format=tar", previous_release())
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        source.extractall(into, filter="data")


def released_migrations() -> dict[str, bytes]:
    """
    Return the migrations of the previous release, by their path in the project.

    :raises NoHistory: where there is no git history
    :raises ReleaseNotFetched: where it does not reach back to the release
    """
    archive = _git("archive", "--format=tar", previous_release(), *_APPS)
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        return {
            member.name: file.read()
            for member in source.getmembers()
            if Path(member.name).match("migrations/[0-9]*.py")
            and (file := source.extractfile(member))
        }


def _git(*command: str) -> bytes:
    # In a worktree .git is a file.
    if not (PROJECT / ".git").exists():
        raise NoHistory(f"{PROJECT} is no git checkout, so the previous release is not at hand.")
    release = previous_release()
    try:
        _run("cat-file", "-e", f"{release}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise ReleaseNotFetched(
            f"The previous release {release} is not in this clone. Fetch it:"
            f" `git fetch --unshallow`, or `git fetch origin {release}`."
            f" ({error.stderr.decode(errors='replace').strip()})"
        ) from error
    return _run(*command)


def _run(*command: str) -> bytes:
    return subprocess.run(  # noqa: S603 - our own words
        ["git", "-C", str(PROJECT), *command],  # noqa: S607 - as it is installed here
        capture_output=True,
        check=True,
    ).stdout
