"""
The base class of all tasks.

It adds ids to the log lines of a task, counts and times it, and keeps the database connection.
"""

from time import perf_counter
from typing import Any, Final

from celery import Task
from django.db import close_old_connections, connections
from structlog.contextvars import bind_contextvars, clear_contextvars

from ticketing.ids import new_id
from ticketing.telemetry.metrics import count_task

# The header of messages with the id of the HTTP request or periodic task that caused them.
REQUEST_ID_HEADER: Final = "request_id"


class WatchedTask(Task[..., Any]):
    """
    Binds the request id of its message to its log lines and to the messages that it sends.

    Without a request id in the message it makes a new one. The values stay bound after the task has
    ended, because Celery logs the failure of a task only then.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        clear_contextvars()
        # As Django does before a request: close a connection that PostgreSQL has closed.
        close_old_connections()
        ids = {name: value for name, value in kwargs.items() if name.endswith("_id")}
        # An id of the message may have the same name as ours: a request of a person, for example.
        bind_contextvars(**(ids | {"task": self.name, "request_id": self._request_id()}))
        began = perf_counter()
        raised: Exception | None = None
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            raised = error
            # Release the advisory locks of a task that was interrupted between two statements.
            _close_connections()
            raise
        finally:
            count_task(task=self.name, seconds=perf_counter() - began, error=raised)

    def _request_id(self) -> str:
        from_message = (self.request.headers or {}).get(REQUEST_ID_HEADER)
        return str(from_message or new_id())


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        # A test may have opened a transaction around the task.
        if not connection.in_atomic_block:
            connection.close()
