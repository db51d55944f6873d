"""The base of every task: its lines in the log say whose work it is, and it is counted."""

from time import perf_counter
from typing import Any, Final

from celery import Task
from structlog.contextvars import bind_contextvars, clear_contextvars

from ticketing.ids import new_id
from ticketing.metrics import count_task

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
        ids = {name: value for name, value in kwargs.items() if name.endswith("_id")}
        bind_contextvars(**ids, task=self.name, request_id=self._request_id())
        began = perf_counter()
        raised: Exception | None = None
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            raised = error
            raise
        finally:
            count_task(task=self.name, seconds=perf_counter() - began, error=raised)

    def _request_id(self) -> str:
        brought = (self.request.headers or {}).get(REQUEST_ID_HEADER)
        return str(brought or new_id())
