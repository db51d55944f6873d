"""
`python -m ticketing.queue.health`: do the workers of this container still poll their queues?

Ends with 1, and says why, when one of them has not polled one of its queues for too long. SQS may
be away: a poll that fails is a poll. It reads the files in `PROMETHEUS_MULTIPROC_DIR`.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from ticketing.queue.polls import read_polls

# A worker with its hands full does not poll until a task has ended, and a task may take 50 seconds.
_WITHIN_SECONDS: Final = 120


def main() -> int:
    """Return 0 if all is well, else print the reason and return 1."""
    parser = argparse.ArgumentParser(prog="python -m ticketing.queue.health")
    parser.add_argument("--within", type=float, default=_WITHIN_SECONDS, metavar="SECONDS")
    # Not from the settings: to load Django costs more than the check.
    parser.add_argument("--folder", default=os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
    arguments = parser.parse_args()
    if not arguments.folder:
        reason = "Set PROMETHEUS_MULTIPROC_DIR: the workers note their polls there."
    else:
        reason = find_fault(Path(arguments.folder), within=arguments.within, now=time.time())
    print(reason or "ok")  # noqa: T201 - the container's runtime keeps it
    return 1 if reason else 0


def find_fault(folder: Path, *, within: float, now: float) -> str:
    """Return why the workers of this host are not well, or nothing."""
    workers = [polls for polls in read_polls(folder) if polls.is_of_this_host() and polls.runs()]
    if not workers:
        return "No worker of this host has polled a queue yet."
    late = [
        f"{worker.worker} has not polled {queue} for {now - polled_at:.0f} s."
        for worker in workers
        for queue, polled_at in worker.polled_at.items()
        if now - polled_at > within
    ]
    return " ".join(late)


if __name__ == "__main__":
    sys.exit(main())
