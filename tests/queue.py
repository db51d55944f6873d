"""A replacement for SQS that records messages and runs their tasks when the test asks for it."""

from celery import current_app
from structlog.contextvars import clear_contextvars

from ticketing.queue.messages import Message


class RecordingQueue:
    """The messages that were sent, oldest first. A test runs their tasks when it wants to."""

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
            # A worker clears the log context when the next task starts. In a test none may follow.
            clear_contextvars()

    def run_all(self) -> list[Message]:
        """Run all messages, also those that the tasks send. Return them in the order of runs."""
        ran = []
        while self.sent:
            ran.append(self.run_next())
        return ran
