"""A queue that waits to be told."""

from celery import current_app
from structlog.contextvars import clear_contextvars

from ticketing.queue.messages import Message


class RecordingQueue:
    """Keeps what was sent, in order; runs it when the test says so."""

    def __init__(self) -> None:
        current_app.loader.import_default_modules()  # as a worker does when it starts
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
            # In a worker the next task does so; a test goes on to something else.
            clear_contextvars()

    def run_all(self) -> list[Message]:
        """Run until nothing is left, and return what ran."""
        ran = []
        while self.sent:
            ran.append(self.run_next())
        return ran
