"""Celery's consumer, that deletes no message which it cannot read."""

from typing import Any

from celery.worker.consumer import Consumer


class KeepingConsumer(Consumer):
    """
    Leaves an unreadable message in its queue, until SQS moves it to the dead-letter queue.

    Celery's own acknowledges it: a message of ours that was damaged would be gone, with a line in
    the log as its only trace.
    """

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self.on_invalid_task(None, message, exc)
