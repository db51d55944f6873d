"""How a message crosses the queue: the one way to send it, and the task that handles it."""

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

__all__ = ["QUEUES", "Message", "handles", "next_ask", "patience", "send_after_commit"]

logger = logging.getLogger(__name__)

_LONGEST_PATIENCE = timedelta(hours=1)

# What follows a settlement. The worker that settled does it at once, and sends the message only if
# that fails. After any other task, such as reissuing a whole event, it stays a message.
_NEXT_STEPS = frozenset({Message.ISSUE_CODES, Message.DELIVER_TICKETS})
_steps: dict[str, Step] = {}


def send_after_commit(message: Message, **ids: UUID) -> None:
    """
    Queue `message` when the open transaction commits, and not if it rolls back.

    While an order is settled, the worker does what follows itself and sends no message.

    The process may die between commit and send, and the queue may be away, so every message needs
    a row that still asks for the work, and a sweep that finds that row.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A message is sent after a commit; open a transaction first.")
    body = {name: str(value) for name, value in ids.items()}
    transaction.on_commit(partial(_do_or_send, message, body))


def patience(asks: int) -> timedelta:
    """
    Return how long to wait for an answer to the message that was sent `asks` times before.

    The first is late after `ASK_AGAIN_SECONDS`; each repeat waits twice as long as the one before.
    """
    waits = timedelta(seconds=settings.ASK_AGAIN_SECONDS) * (1 << min(asks, 10))
    return min(waits, _LONGEST_PATIENCE)


def next_ask(asks: int, *, now: datetime) -> datetime:
    """Return when the sweep may send a message again that is sent now."""
    return now + patience(asks)


def handles(message: Message) -> Callable[[Callable[..., None]], Any]:
    """
    Make a function the task for `message`.

    A task that raises is not acknowledged: its message returns to SQS, which counts, waits and in
    the end moves it to the dead-letter queue. Celery's own retries would hide it from that count.
    """

    def make_task(obey: Callable[..., None]) -> Any:
        if message in _NEXT_STEPS:
            _steps[message.value] = obey

        @wraps(obey)
        def obey_or_note(**ids: str) -> None:
            try:
                if message is Message.SETTLE_ORDER:
                    run_with_next_steps(partial(obey, **ids), known=_steps, send=_send_step)
                else:
                    obey(**ids)
            except Exception as error:
                note_failure(message=message.value, about=spell_ids(ids), error=error)
                raise

        return shared_task(name=message.value, ignore_result=True, acks_late=True)(obey_or_note)

    return make_task


def _do_or_send(message: Message, body: Ids) -> None:
    if message not in _NEXT_STEPS or not follow(message.value, body):
        _send(message, body)


def _send_step(name: str, body: Ids) -> None:
    _send(Message(name), body)


def _send(message: Message, body: dict[str, str]) -> None:
    try:
        # By name: a web process has not loaded the tasks.
        current_app.send_task(
            message.value,
            kwargs=body,
            queue=QUEUES[message],
            retry=False,
            headers={REQUEST_ID_HEADER: get_contextvars().get("request_id")},
        )
    except (BotoCoreError, ClientError, OperationalError, OSError):
        # The caller has committed and must not fail now. The row still asks, and the sweep will.
        logger.warning("%s was not sent; the sweep will.", message, exc_info=True)
