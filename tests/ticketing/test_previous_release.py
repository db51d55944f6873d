"""Where the previous release comes from, and what is said where it cannot be had."""

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
    """Stand in a folder that has our pyproject.toml and nothing else."""
    text = (PROJECT / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(module, "PROJECT", tmp_path)
    return tmp_path


def test_the_previous_release_is_recorded_by_its_full_hash():
    assert re.fullmatch("[0-9a-f]{40}", previous_release())


def test_an_unpacked_archive_has_no_previous_release(elsewhere: Path):
    with pytest.raises(NoHistory, match="is not a git checkout"):
        released_migrations()


def test_a_clone_that_does_not_reach_back_is_told_what_to_fetch(elsewhere: Path, tmp_path: Path):
    subprocess.run(["git", "init", "-q", elsewhere], check=True)  # noqa: S607 - as installed

    with pytest.raises(ReleaseNotFetched, match="git fetch --unshallow"):
        extract(tmp_path / "source")


def test_its_source_is_unpacked_as_it_was(tmp_path: Path):
    try:
        extract(tmp_path)
    except NoHistory as reason:
        pytest.skip(str(reason))

    assert (tmp_path / "manage.py").exists()
    for path, text in released_migrations().items():
        assert (tmp_path / path).read_bytes() == text
