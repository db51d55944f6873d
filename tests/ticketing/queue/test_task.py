"""A worker's connection to the database, from one task to the next."""

import psycopg
import pytest
from celery import current_app
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]  # not in its stubs
from django.db import connection

from config.celery import app
from orders.gateway import GatewayAway
from tests.make import make_processing_order
from tests.queue import RecordingQueue
from ticketing.queue.messages import Message

pytestmark = pytest.mark.django_db(transaction=True)


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def sweep() -> None:
    current_app.tasks["tickets.ask_again"]()


def test_celery_leaves_the_connection_open_between_two_tasks(queue: RecordingQueue):
    celery = DjangoWorkerFixup(app)
    first = backend()

    for _ in range(3):
        # As it does around each task.
        celery.close_database()
        sweep()
        celery.close_database()

    assert backend() == first


def test_a_connection_that_the_server_has_closed_is_opened_anew(queue: RecordingQueue):
    first = backend()
    url = connection.get_connection_params()
    known = {
        name: url[name] for name in ("host", "port", "user", "password", "dbname") if url.get(name)
    }
    with psycopg.connect(**known, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [first])

    sweep()

    assert backend() != first


def test_a_task_that_fails_takes_its_locks_with_it(queue: RecordingQueue):
    order = make_processing_order(token="tok_unstable")
    first = backend()

    with pytest.raises(GatewayAway):
        queue.run(Message.SETTLE_ORDER, {"order_id": str(order.pk)})

    assert backend() != first
