"""
Files with the times at which workers last polled their queues: one file for each worker.

The health check and the metrics read them. The event loop of the worker writes the file, so that
an old file shows a loop that hangs. This module does not import Django, because the health check
must start quickly.
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

# How often a worker writes its file.
EVERY_SECONDS: Final = 5
# If a file was not written for so long, its worker has ended or hangs.
GONE_SECONDS: Final = 60
_FORGOTTEN_SECONDS: Final = 24 * 60 * 60
_PREFIX: Final = "polls."


@dataclass(frozen=True, slots=True)
class Polls:
    """The content of a worker's file. `polled_at` has the Unix time of each queue's last poll."""

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
        """Return whether the process that wrote the file runs, if it is of this host."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def write_polls(folder: Path, polled_at: Mapping[str, float]) -> None:
    """
    Write the file of this worker atomically: a reader never sees a part of it.

    :raises OSError: if the disk is full or the folder is missing
    """
    host, pid = socket.gethostname(), os.getpid()
    file = _file(folder, host, pid)
    temporary = file.with_suffix(".half")
    temporary.write_text(
        json.dumps(
            {"host": host, "pid": pid, "written_at": time.time(), "polled_at": dict(polled_at)}
        )
    )
    temporary.replace(file)


def read_polls(folder: Path) -> Iterator[Polls]:
    """Return the contents of all files in the folder, also of workers that have ended."""
    for file in sorted(folder.glob(f"{_PREFIX}*.json")):
        # A worker that ends deletes its file, perhaps at this moment.
        with suppress(OSError, ValueError, TypeError):
            yield Polls(**json.loads(file.read_text()))


def forget_polls(folder: Path) -> None:
    """Delete the file of this worker, because it ends normally."""
    _file(folder, socket.gethostname(), os.getpid()).unlink(missing_ok=True)


def clear_away_old_polls(folder: Path, *, now: float) -> None:
    """Delete the files of workers of this host that were killed, and all files older than a day."""
    for polls in list(read_polls(folder)):
        dead = polls.is_of_this_host() and not polls.runs()
        if dead or now - polls.written_at > _FORGOTTEN_SECONDS:
            _file(folder, polls.host, polls.pid).unlink(missing_ok=True)


def _file(folder: Path, host: str, pid: int) -> Path:
    return folder / f"{_PREFIX}{host}.{pid}.json"
