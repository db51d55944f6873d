"""Each kind of process has database timeouts of its own, without configuration by the operator."""

import os
import subprocess
import sys
from io import StringIO
from typing import cast

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.db import connection as connection_proxy
from psycopg.errors import QueryCanceled
from pytest_django import Settings

from ticketing.database.base import DatabaseWrapper
from ticketing.database.timeouts import Kind, check_timeouts, declared_kind

connection = cast(DatabaseWrapper, connection_proxy)
NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
SHOW_TIMEOUTS = f"SELECT {', '.join(f'current_setting({name!r})' for name in NAMES)}"
PRINT_TIMEOUTS = f"""
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("{SHOW_TIMEOUTS}, current_setting('application_name')")
    print(*cursor.fetchone(), sep="|")
"""


def current_timeouts() -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(SHOW_TIMEOUTS)
        return cursor.fetchone()


def run(program: str) -> str:
    """Run a program in a new process with the settings of tests, and return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_web_process_has_the_timeouts_of_web_processes():
    program = f"import config.wsgi\n{PRINT_TIMEOUTS}"

    assert run(program) == "10s|5s|15s|bilheteria web"


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("signals.worker_init.send(None)", "30s|5s|15s|bilheteria worker"),
        ("signals.beat_init.send(None)", "5s|1s|5s|bilheteria beat"),
    ],
)
def test_a_worker_and_beat_get_their_timeouts_when_celery_starts_them(start: str, expected: str):
    program = (
        f"import django; django.setup()\nfrom celery import signals\n{start}\n{PRINT_TIMEOUTS}"
    )

    assert run(program) == expected


def test_a_shell_has_the_timeouts_of_a_command():
    program = f"import django; django.setup()\n{PRINT_TIMEOUTS}"

    assert run(program) == "30s|5s|15s|bilheteria command"


@pytest.mark.django_db(transaction=True)
def test_migrate_sets_the_timeouts_of_a_migration_and_restores_them(
    monkeypatch: pytest.MonkeyPatch,
):
    seen = []
    monkeypatch.setattr(
        "django.core.management.commands.migrate.Command.handle",
        lambda *_args, **_options: seen.append(current_timeouts()),
    )

    call_command("migrate", stdout=StringIO())

    assert seen == [("0", "2s", "15s")]
    assert current_timeouts() == ("30s", "5s", "15s")


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_reopened_in_the_block_keeps_the_timeouts_of_the_block():
    with connection.lent_to(Kind.MIGRATION):
        connection.close()
        assert current_timeouts() == ("0", "2s", "15s")

    assert current_timeouts() == ("30s", "5s", "15s")


@pytest.mark.django_db(transaction=True)
def test_a_statement_of_a_migration_has_no_time_limit(settings: Settings):
    settings.DATABASE_TIMEOUTS = settings.DATABASE_TIMEOUTS | {
        "command": "statement=0.2,lock=0.1,idle=15"
    }
    connection.close()
    with pytest.raises(OperationalError) as failed, connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(1)")

    with connection.lent_to(Kind.MIGRATION), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(1)")
        finished = True

    assert isinstance(failed.value.__cause__, QueryCanceled)
    assert finished
    connection.close()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("web", "10/5/15"),
        ("web", "statement=10,lock=5"),
        ("web", "statement=-1,lock=5,idle=15"),
        ("web", "statement=soon,lock=5,idle=15"),
        # A statement that hangs would never end.
        ("web", "statement=0,lock=5,idle=15"),
        ("worker", "statement=0,lock=5,idle=15"),
        # A migration would wait forever, or until statements that wait behind it time out.
        ("migration", "statement=0,lock=0,idle=15"),
        ("migration", "statement=0,lock=5,idle=15"),
    ],
)
def test_timeouts_that_would_stop_the_sale_are_refused(settings: Settings, kind: str, text: str):
    settings.DATABASE_TIMEOUTS = settings.DATABASE_TIMEOUTS | {kind: text}

    with pytest.raises(ImproperlyConfigured, match=f"DATABASE_TIMEOUTS_{kind.upper()}"):
        check_timeouts()


def test_a_statement_of_a_web_process_times_out_before_one_of_a_worker():
    timeouts = {kind: settings.DATABASE_TIMEOUTS[kind] for kind in ("web", "worker")}

    assert timeouts == {
        "web": "statement=10,lock=5,idle=15",
        "worker": "statement=30,lock=5,idle=15",
    }
    assert declared_kind() is Kind.COMMAND
