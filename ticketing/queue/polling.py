"""The state of polling one queue, in the memory of the worker."""

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Polling:
    """The state of polling one queue."""

    # The number of the latest poll. The response to an earlier poll starts no other poll.
    number: int = 0
    began: float = 0.0
    failures: int = 0
    # When SQS was last polled, for the health check. A busy worker does not poll, but its tasks end
    # within their time limit: a time much longer ago shows a fault.
    at: float = field(default_factory=time.time)
