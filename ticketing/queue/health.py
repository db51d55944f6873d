"""
`python -m ticketing.queue.health` checks that the workers of this container poll their queues.

It prints the reason and exits with 1 if a worker has not polled one of its queues for too long. A
poll that fails counts as a poll: the workers are healthy while SQS is down. It reads the files in
`PROMETHEUS_MULTIPROC_DIR`.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Final

from ticketing.queue.polls import read_polls

# A busy worker does not poll until a task has ended, and a task may take 50 seconds.
_WITHIN_SECONDS: Final = 120


def main() -> int:
    """Print `ok` and return 0 if the workers are healthy, else print the reason and return 1."""
    parser = argparse.ArgumentParser(prog="python -m ticketing.queue.health")
    parser.add_argument("--within", type=float, default=_WITHIN_SECONDS, metavar="SECONDS")
    # Read from the environment, because loading Django's settings takes longer than the check.
    parser.add_argument("--folder", default=os.environ.get("PROMETHEUS_MULTIPROC_DIR", ""))
    arguments = parser.parse_args()
    if not arguments.folder:
        reason = "Set PROMETHEUS_MULTIPROC_DIR: the workers write the times of their polls there."
    else:
        reason = find_fault(Path(arguments.folder), within=arguments.within, now=time.time())
    print(reason or "ok")  # noqa: T201 - the container's runtime stores it
    return 1 if reason else 0


def find_fault(folder: Path, *, within: float, now: float) -> str:
    """Return why the workers of this host are unhealthy, or an empty string."""
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
