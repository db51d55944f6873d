"""Celery's consumer, changed so that it does not delete unreadable messages."""

from typing import Any

from celery.worker.consumer import Consumer


class KeepingConsumer(Consumer):
    """
    Leaves an unreadable message in its queue until SQS moves it to the dead-letter queue.

    Celery's own consumer acknowledges it, so that a damaged message would be lost with only a log
    line.
    """

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self.on_invalid_task(None, message, exc)
