"""Sending a message after the commit, and making a function the task of a message."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from celery import current_app, shared_task
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from structlog.contextvars import get_contextvars

from ticketing.queue.dead_letters import note_failure, spell_ids
from ticketing.queue.message_names import QUEUES, Message
from ticketing.queue.next_steps import Ids, Step, follow, run_with_next_steps
from ticketing.queue.task import REQUEST_ID_HEADER

__all__ = ["QUEUES", "Message", "handles", "next_retry_at", "send_after_commit"]

logger = logging.getLogger(__name__)

_LONGEST_WAIT = timedelta(hours=1)

# The steps after a settlement. The worker that settled the order does them at once, and sends their
# messages only if that fails. After all other tasks they are messages.
_NEXT_STEPS = frozenset({Message.ISSUE_CODES, Message.DELIVER_TICKETS})
_steps: dict[str, Step] = {}


def send_after_commit(message: Message, **ids: UUID) -> None:
    """
    Send `message` when the open transaction commits, and not if it rolls back.

    In the task that settles an order, the steps in `_NEXT_STEPS` are run instead of sent.

    The message may be lost: the process can die after the commit, or SQS may not answer. Therefore
    each message needs a row that asks for the work, and a sweep that finds this row.

    :raises RuntimeError: if no transaction is open
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A message is sent after a commit; open a transaction first.")
    body = {name: str(value) for name, value in ids.items()}
    transaction.on_commit(partial(_run_or_send, message, body))


def next_retry_at(asks: int, *, now: datetime) -> datetime:
    """Return when the sweep sends a message again that is sent now, after `asks` repeats."""
    return now + _retry_wait(asks)


def handles(message: Message) -> Callable[[Callable[..., None]], Any]:
    """
    Make the decorated function the task of `message`. Its failures are recorded.

    If the task raises, its message is not acknowledged: SQS delivers it again later, counts the
    attempts, and in the end moves it to the dead-letter queue. Celery's retries must not be used:
    they send a new message, whose count begins at zero.
    """

    def make_task(handle: Callable[..., None]) -> Any:
        if message in _NEXT_STEPS:
            _steps[message.value] = handle

        @wraps(handle)
        def handle_or_record_failure(**ids: str) -> None:
            try:
                if message is Message.SETTLE_ORDER:
                    run_with_next_steps(partial(handle, **ids), known=_steps, send=_send_step)
                else:
                    handle(**ids)
            except Exception as error:
                note_failure(message=message.value, about=spell_ids(ids), error=error)
                raise

        return shared_task(name=message.value, ignore_result=True, acks_late=True)(
            handle_or_record_failure
        )

    return make_task


def _retry_wait(asks: int) -> timedelta:
    """
    Return how long the sweep waits before it sends a message again, after `asks` repeats.

    The first wait is `ASK_AGAIN_SECONDS`. It doubles with each repeat, up to an hour.
    """
    wait = timedelta(seconds=settings.ASK_AGAIN_SECONDS) * (1 << min(asks, 10))
    return min(wait, _LONGEST_WAIT)


def _run_or_send(message: Message, body: Ids) -> None:
    if message not in _NEXT_STEPS or not follow(message.value, body):
        _send(message, body)


def _send_step(name: str, body: Ids) -> None:
    _send(Message(name), body)


def _send(message: Message, body: dict[str, str]) -> None:
    try:
        # By name, because web processes do not import the tasks.
        current_app.send_task(
            message.value,
            kwargs=body,
            queue=QUEUES[message],
            retry=False,
            headers={REQUEST_ID_HEADER: get_contextvars().get("request_id")},
        )
    except (BotoCoreError, ClientError, OperationalError, OSError):
        # Do not raise: the caller has committed. The sweep finds the row that asks for the work.
        logger.warning("%s was not sent; the sweep will send it.", message, exc_info=True)
