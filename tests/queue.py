"""A queue in memory for tests, which run its messages when they want to."""

from functools import cache
from typing import Final

from celery import current_app
from structlog.contextvars import clear_contextvars

from ticketing.queue.messages import Message

# More than any test needs: a message that comes back for ever fails its test and does not hang it.
_MOST_MESSAGES: Final = 100


class RecordingQueue:
    """Records sent messages in order, and runs their tasks when the test calls `run_next`."""

    def __init__(self) -> None:
        _import_tasks()
        self.sent: list[tuple[Message, dict[str, str]]] = []

    def send(self, message: Message, body: dict[str, str]) -> None:
        self.sent.append((message, body))

    def run_next(self) -> Message:
        message, body = self.sent.pop(0)
        self.run(message, body)
        return message

    def run(self, message: Message, body: dict[str, str]) -> None:
        try:
            current_app.tasks[message.value](**body)
        finally:
            # A worker does this before its next task. Here the test continues in the same process.
            clear_contextvars()

    def run_all(self) -> list[Message]:
        """Run all messages, also those that they send, and return them."""
        ran: list[Message] = []
        while self.sent:
            assert len(ran) < _MOST_MESSAGES, f"Messages come back for ever: {ran[-3:]}"
            ran.append(self.run_next())
        return ran


@cache
def _import_tasks() -> None:
    # As a worker does when it starts. Celery also runs all of Django's checks, so once is enough.
    current_app.loader.import_default_modules()
