"""The Celery app: its queues on SQS, late acknowledgement, and what beat asks for."""

import gc
import os
import sys
from typing import Any, Final

from billiard import pool
from celery import Celery
from celery.signals import beat_init, setup_logging, worker_init, worker_process_init
from django.conf import settings
from django.utils.log import configure_logging
from django.utils.module_loading import import_string

from ticketing.database.timeouts import Kind, declare_process

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

# Tenths of a second.
_RESULT_TENTHS: Final = 20

app = Celery("bilheteria", task_cls="ticketing.queue.task:WatchedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Celery closes a child's connection to the database before and after each task, so that each task
# signs in anew and PostgreSQL plans each statement anew. Ours are kept: see `WatchedTask`.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
app.autodiscover_tasks()


# Celery's own signals: it has no other place to say these things.
@setup_logging.connect
def log_as_django_does(**_told: Any) -> None:
    """Keep Celery from making handlers of its own."""
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


# Before the worker forks: its children inherit it.
@worker_init.connect
def be_a_worker(**_told: Any) -> None:
    """Take a worker's timeouts at the database."""
    declare_process(Kind.WORKER)


@beat_init.connect
def be_beat(**_told: Any) -> None:
    """Take beat's timeouts at the database."""
    declare_process(Kind.BEAT)


# Before the worker forks, too. At its end Python looks once more through all that it loaded, which
# takes 0.6 s of CPU, and half a minute where the CPU is busy. What is frozen it skips.
@worker_init.connect
@beat_init.connect
def end_quickly(**_told: Any) -> None:
    """Take from the garbage collector what stays until the end anyway, and bound a child's wait."""
    gc.collect()
    gc.freeze()
    # At its end a child waits until each of its results was counted, 30 s by default. One that was
    # made for a killed child may wait in vain. A lost result is harmless: its message comes again.
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _RESULT_TENTHS


# In the processes that do the work: what sends the traces is a thread, which no fork inherits.
@worker_process_init.connect
@beat_init.connect
def trace_this_process(**_told: Any) -> None:
    """Send traces, if the settings say where to."""
    if settings.TRACES_ENDPOINT:
        # By name: where there are no traces, nothing of OpenTelemetry is loaded.
        import_string("ticketing.telemetry.tracing.trace_tasks")()
