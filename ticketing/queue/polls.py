"""
When each worker last polled each of its queues, in one small file a worker that others read.

The worker's own event loop writes the file, so a loop that hangs shows as a file that grows old.
Nothing here needs Django: a health check must cost little.
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# So often a worker writes its file.
EVERY_SECONDS: Final = 5
# A file that was not written for so long belongs to a worker that is gone, or that hangs.
GONE_SECONDS: Final = 60
_FORGOTTEN_SECONDS: Final = 24 * 60 * 60
_PREFIX: Final = "polls."


@dataclass(frozen=True, slots=True)
class Polls:
    """What one worker wrote: for each queue the moment of its last poll, in seconds since 1970."""

    host: str
    pid: int
    written_at: float
    polled_at: Mapping[str, float]

    @property
    def worker(self) -> str:
        return f"{self.host}-{self.pid}"

    def is_of_this_host(self) -> bool:
        return self.host == socket.gethostname()

    def runs(self) -> bool:
        """Return whether a process of this host that wrote the file still exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def write_polls(folder: Path, polled_at: Mapping[str, float]) -> None:
    """
    Write this worker's file, whole or not at all.

    :raises OSError: if the folder is full or gone
    """
    host, pid = socket.gethostname(), os.getpid()
    file = _file(folder, host, pid)
    half = file.with_suffix(".half")
    half.write_text(
        json.dumps(
            {"host": host, "pid": pid, "written_at": time.time(), "polled_at": dict(polled_at)}
        )
    )
    half.replace(file)


def read_polls(folder: Path) -> Iterator[Polls]:
    """Return what the workers wrote that share the folder, also those that are gone."""
    for file in sorted(folder.glob(f"{_PREFIX}*.json")):
        # A worker that ends takes its file with it, perhaps just now.
        with suppress(OSError, ValueError, TypeError):
            yield Polls(**json.loads(file.read_text()))


def forget_polls(folder: Path) -> None:
    """Delete this worker's file: it ends in good order."""
    _file(folder, socket.gethostname(), os.getpid()).unlink(missing_ok=True)


def clear_away_old_polls(folder: Path, *, now: float) -> None:
    """Delete the files of workers of this host that were killed, and files a day old."""
    for polls in list(read_polls(folder)):
        dead = polls.is_of_this_host() and not polls.runs()
        if dead or now - polls.written_at > _FORGOTTEN_SECONDS:
            _file(folder, polls.host, polls.pid).unlink(missing_ok=True)


def _file(folder: Path, host: str, pid: int) -> Path:
    return folder / f"{_PREFIX}{host}.{pid}.json"
