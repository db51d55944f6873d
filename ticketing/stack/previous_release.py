"""Reads the source of the previous release from git, for tests of migrations and of deployments."""

import io
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Final

from ticketing.stack.environment import PROJECT

_APPS: Final = ("ticketing", "events", "orders", "tickets")


class NoHistory(Exception):
    """The project is not a git checkout, but an unpacked archive."""


class ReleaseNotFetched(Exception):
    """The git checkout does not contain the previous release's commit."""


def previous_release() -> str:
    """Return the full hash of the previous release's commit, from pyproject.toml."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    return str(project["tool"]["bilheteria"]["previous_release"])


def extract(into: Path) -> None:
    """
    Unpack the source of the previous release into a folder.

    :raises NoHistory: if the project is not a git checkout
    :raises ReleaseNotFetched: if the checkout does not contain the release
    """
    archive = _git("archive", "--format=tar", previous_release())
    with tarfile.open(fileobj=io.BytesIO(archive)) as source:
        source.extractall(into, filter="data")


def released_migrations() -> dict[str, bytes]:
    """
    Return the migrations of the previous release, by their path in the project.

    :raises NoHistory: if the project is not a git checkout
    :raises ReleaseNotFetched: if the checkout does not contain the release
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
    # `exists`, not `is_dir`: in a worktree .git is a file.
    if not (PROJECT / ".git").exists():
        raise NoHistory(
            f"{PROJECT} is not a git checkout, so the previous release cannot be read from it."
        )
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
    return subprocess.run(  # noqa: S603 - our own command
        ["git", "-C", str(PROJECT), *command],  # noqa: S607 - found by PATH
        capture_output=True,
        check=True,
    ).stdout
