"""
Running the steps after a task in the same worker, instead of sending their messages.

It saves three requests to SQS for each step. A step that fails, is slow or comes too late is sent
as a message instead. If the worker dies, SQS delivers the message of the task again, and the task
asks for the steps again.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ticketing.telemetry.metrics import count_task

logger = logging.getLogger(__name__)

# After so long a task sends its remaining steps as messages, because it must end within 45 s.
_TASK_SECONDS: Final = 10
# After a step that failed or took longer, this process sends that step as a message for
# `_PAUSE_SECONDS`: slow mail must not delay the payments that wait for this process.
_STEP_SECONDS: Final = 2
_PAUSE_SECONDS: Final = 60

Ids = dict[str, str]
Step = Callable[..., None]
Send = Callable[[str, Ids], None]


class _Following(threading.local):
    """The steps to run after the task of this thread; None if they are sent as messages."""

    steps: deque[tuple[str, Ids]] | None = None


_following = _Following()
_paused_until: dict[str, float] = {}


def follow(step: str, ids: Ids) -> bool:
    """Run a step after the task of this thread. Return False if the caller must send it."""
    if _following.steps is None:
        return False
    _following.steps.append((step, ids))
    return True


def run_with_next_steps(first: Callable[[], None], *, known: dict[str, Step], send: Send) -> None:
    """
    Run a task, then its steps and the steps of these steps. Send the messages of the others.

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
    """End all pauses of steps, for tests."""
    _paused_until.clear()


def _try(name: str, step: Step, ids: Ids) -> bool:
    """Run a step, unless it is paused. Return whether it succeeded."""
    began = time.monotonic()
    if began < _paused_until.get(name, 0.0):
        return False
    raised: Exception | None = None
    try:
        step(**ids)
    except Exception as error:
        # The caller sends the message of the step, whose task raises if it fails again.
        logger.warning("%s failed; its message will retry it.", name, exc_info=True)
        raised = error
    seconds = time.monotonic() - began
    count_task(task=name, seconds=seconds, error=raised)
    if raised is not None or seconds > _STEP_SECONDS:
        _paused_until[name] = time.monotonic() + _PAUSE_SECONDS
    return raised is None
