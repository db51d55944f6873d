"""
The steps that follow a task, done by the same worker at once instead of by messages.

A message costs three requests to SQS. It stays the safety net: a step that fails, is slow or comes
late is left to its message, and the message of the first step returns if the worker dies between.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ticketing.telemetry.metrics import count_task

logger = logging.getLogger(__name__)

# A task may take 45 s. One that took so long already leaves the rest to messages.
_TASK_SECONDS: Final = 10
# A step that fails or takes longer is left to its message for a while: mail that is away or slow
# must not delay the payments that wait for this process.
_STEP_SECONDS: Final = 2
_REST_SECONDS: Final = 60

Ids = dict[str, str]
Step = Callable[..., None]
Send = Callable[[str, Ids], None]


class _Following(threading.local):
    """The steps that follow the task of this thread; None if it leaves them to messages."""

    steps: deque[tuple[str, Ids]] | None = None


_following = _Following()
_rests_until: dict[str, float] = {}


def follow(step: str, ids: Ids) -> bool:
    """Do a step when the running task has done its own. Return False if no task takes it."""
    if _following.steps is None:
        return False
    _following.steps.append((step, ids))
    return True


def run_with_next_steps(first: Callable[[], None], *, known: dict[str, Step], send: Send) -> None:
    """
    Run a task, then the steps that it and they asked for. What is not done is sent.

    :raises Exception: if the task itself fails
    """
    began = time.monotonic()
    steps = _following.steps = deque()
    try:
        first()
        while steps and time.monotonic() - began < _TASK_SECONDS:
            name, ids = steps.popleft()
            if not _try(name, known[name], ids):
                send(name, ids)
    except Exception:
        # The task failed after a commit that asked for a step.
        _following.steps = None
        for name, ids in steps:
            send(name, ids)
        raise
    finally:
        _following.steps = None
    for name, ids in steps:
        send(name, ids)


def forget_rests() -> None:
    """Try each step again at once."""
    _rests_until.clear()


def _try(name: str, step: Step, ids: Ids) -> bool:
    """Do one step, unless it rests. Return whether it was done."""
    began = time.monotonic()
    if began < _rests_until.get(name, 0.0):
        return False
    raised: Exception | None = None
    try:
        step(**ids)
    except Exception as error:
        # Its message comes next, and reports what fails again.
        logger.warning("%s failed; its message will try again.", name, exc_info=True)
        raised = error
    seconds = time.monotonic() - began
    count_task(task=name, seconds=seconds, error=raised)
    if raised is not None or seconds > _STEP_SECONDS:
        _rests_until[name] = time.monotonic() + _REST_SECONDS
    return raised is None
