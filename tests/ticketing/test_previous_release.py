"""Getting the source of the previous release from git, and the errors if git does not have it."""

import re
import subprocess
from pathlib import Path

import pytest

from ticketing.stack import previous_release as module
from ticketing.stack.environment import PROJECT
from ticketing.stack.previous_release import (
    NoHistory,
    ReleaseNotFetched,
    extract,
    previous_release,
    released_migrations,
)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Use a project folder that contains our pyproject.toml only."""
    text = (PROJECT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    return tmp_path


def test_the_previous_release_is_recorded_by_its_full_hash():
    assert re.fullmatch("[0-9a-f]{40}", previous_release())


def test_an_unpacked_archive_has_no_previous_release(elsewhere: Path):
    with pytest.raises(NoHistory, match="is not a git checkout"):
        released_migrations()


def test_the_error_in_a_shallow_clone_names_the_command_to_fetch(elsewhere: Path, tmp_path: Path):
    subprocess.run(["git", "init", "-q", elsewhere], check=True)  # noqa: S607 - as installed

    with pytest.raises(ReleaseNotFetched, match="git fetch --unshallow"):
        extract(tmp_path / "source")


def test_the_source_of_the_previous_release_is_unpacked_unchanged(tmp_path: Path):
    try:
        extract(tmp_path)
    except NoHistory as reason:
        pytest.skip(str(reason))

    assert (tmp_path / "manage.py").exists()
    for path, text in released_migrations().items():
        assert (tmp_path / path).read_bytes() == text
