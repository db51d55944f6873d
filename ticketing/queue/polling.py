"""Where the polling of one queue stands."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Polling:
    """Where the polling of one queue stands."""

    # Which poll is the last: the answer to an earlier one was given up and starts no other.
    number: int = 0
    began: float = 0.0
    failures: int = 0
    # When SQS was last asked, by the clock, for other processes to read. A worker with its hands
    # full does not ask; but each task ends within its time limit, or something is wrong.
    at: float = field(default_factory=time.time)
