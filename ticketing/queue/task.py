"""
The base of every task.

Its lines in the log say whose work it is, it is counted, and it keeps its process's connection.
"""

from time import perf_counter
from typing import Any, Final

from celery import Task
from django.db import close_old_connections, connections
from structlog.contextvars import bind_contextvars, clear_contextvars

from ticketing.ids import new_id
from ticketing.telemetry.metrics import count_task

# A header of the message: the id of the request, or of the periodic task, that began it all.
REQUEST_ID_HEADER: Final = "request_id"


class WatchedTask(Task[..., Any]):
    """
    A task whose messages carry on the id that its own message brought, or else one of its own.

    What it binds stays bound when it has ended: Celery writes only then why it failed.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        clear_contextvars()
        # As before a request: a connection that the server has closed is opened anew.
        close_old_connections()
        ids = {name: value for name, value in kwargs.items() if name.endswith("_id")}
        bind_contextvars(**ids, task=self.name, request_id=self._request_id())
        began = perf_counter()
        raised: Exception | None = None
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            raised = error
            # With it go the locks of a task that was stopped between two statements.
            _close_connections()
            raise
        finally:
            count_task(task=self.name, seconds=perf_counter() - began, error=raised)

    def _request_id(self) -> str:
        brought = (self.request.headers or {}).get(REQUEST_ID_HEADER)
        return str(brought or new_id())


def _close_connections() -> None:
    for connection in connections.all(initialized_only=True):
        # A test may stand around it.
        if not connection.in_atomic_block:
            connection.close()
