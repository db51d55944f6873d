"""The Celery app of the workers and of beat. Its settings are in config/settings/queue.py."""

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

# Billiard counts in steps of 0.1 s: this is 2 s.
_RESULT_WAIT_STEPS: Final = 20

app = Celery("bilheteria", task_cls="ticketing.queue.task:WatchedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
# By default Celery closes the database connection before and after each task, so that every task
# pays for a new connection and new query plans. Our workers keep it: see `WatchedTask`.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
app.autodiscover_tasks()


# The style guide forbids signals, but Celery offers no other hook for what follows.
@setup_logging.connect
def use_django_logging(**_signal: Any) -> None:
    """Configure logging from Django's settings, so that Celery adds no handlers of its own."""
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)


# `worker_init` is sent before the worker forks, so its children inherit the declaration.
@worker_init.connect
def use_worker_timeouts(**_signal: Any) -> None:
    """Use the database timeouts of a worker."""
    declare_process(Kind.WORKER)


@beat_init.connect
def use_beat_timeouts(**_signal: Any) -> None:
    """Use the database timeouts of beat."""
    declare_process(Kind.BEAT)


@worker_init.connect
@beat_init.connect
def speed_up_shutdown(**_signal: Any) -> None:
    """Freeze all loaded objects for the garbage collector, and limit a child's wait at its end."""
    # At exit Python's garbage collector visits every loaded object, which takes 0.6 s of CPU, and
    # half a minute on a busy machine. It skips frozen objects.
    gc.collect()
    gc.freeze()
    # At exit a child waits until the parent has counted its results, by default for 30 s. A child
    # that replaced a killed one may wait for a count that never comes. A lost result does no harm:
    # SQS returns the message.
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = _RESULT_WAIT_STEPS


# After the fork, in each child: traces are sent by a thread, and a fork does not inherit threads.
@worker_process_init.connect
@beat_init.connect
def trace_this_process(**_signal: Any) -> None:
    """Send traces, if the settings name an endpoint for them."""
    if settings.TRACES_ENDPOINT:
        # Imported here by name, so that OpenTelemetry is not loaded where traces are off.
        import_string("ticketing.telemetry.tracing.trace_tasks")()
