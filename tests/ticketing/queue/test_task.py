"""The database connection of a worker between two tasks."""

import inspect
from contextlib import suppress
from uuid import uuid4

import psycopg
import pytest
from celery import current_app
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # not in its stubs
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection

from config.celery import app
from orders.gateway import GatewayAway
from tests.make import make_processing_order
from tests.queue import RecordingQueue
from ticketing.queue.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)


def backend_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def sweep() -> None:
    current_app.tasks["tickets.ask_again"]()


def test_celery_keeps_the_connection_open_between_two_tasks(queue: RecordingQueue):
    celery = DjangoWorkerFixup(app)
    first = backend_pid()

    for _ in range(3):
        # Celery does this around each task.
        celery.close_database()
        sweep()
        celery.close_database()

    assert backend_pid() == first


def test_a_connection_that_postgresql_has_closed_is_reopened(queue: RecordingQueue):
    first = backend_pid()
    params = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    given = {name: params[name] for name in names if params.get(name)}
    with psycopg.connect(**given, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])

    sweep()

    assert backend_pid() != first


def test_after_a_task_that_fails_its_connection_and_locks_are_released(queue: RecordingQueue):
    order = make_processing_order(token="tok_unstable")
    first = backend_pid()

    with pytest.raises(GatewayAway):
        queue.run(Message.SETTLE_ORDER, {"order_id": str(order.pk)})

    assert backend_pid() != first


@pytest.mark.parametrize("message", list(Message))
def test_a_workers_log_lines_can_name_the_ids_of_every_message(
    message: Message, queue: RecordingQueue
):
    task = current_app.tasks[message.value]
    names = inspect.signature(task.run).parameters

    # No row has this id. The task may say so, but must get as far as looking for it.
    with suppress(ObjectDoesNotExist):
        queue.run(message, dict.fromkeys(names, str(uuid4())))
