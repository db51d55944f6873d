"""Migrations and locks: a migration gives up a lock, reports the holders, and retries."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, cast

import psycopg
import pytest
from django.db import OperationalError
from django.db import connection as connection_proxy
from pytest_django import Settings

from ticketing.database.base import DatabaseWrapper
from ticketing.database.migrating import only_migrator, retry_lost_locks
from ticketing.database.schema import LockNotFree
from ticketing.database.timeouts import Kind

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

connection = cast(DatabaseWrapper, connection_proxy)
ADD = "ALTER TABLE ticketing_keptanswer ADD COLUMN extra text"
DROP = "ALTER TABLE ticketing_keptanswer DROP COLUMN IF EXISTS extra"
BUILD = "CREATE INDEX CONCURRENTLY extra_index ON ticketing_keptanswer (status)"


@pytest.fixture(autouse=True)
def short_lock_timeout(settings: Settings) -> Iterator[None]:
    settings.DATABASE_TIMEOUTS = settings.DATABASE_TIMEOUTS | {
        "migration": "statement=0,lock=0.1,idle=15"
    }
    with connection.lent_to(Kind.MIGRATION):
        yield
        with connection.cursor() as cursor:
            cursor.execute(DROP)
            cursor.execute("DROP INDEX IF EXISTS extra_index")


@contextmanager
def open_reader(name: str = "a report") -> Iterator[psycopg.Connection]:
    """Keep a transaction open that has read the table, as a slow report does."""
    with psycopg.connect(**_params(), application_name=name) as reader:
        reader.execute("SELECT FROM ticketing_keptanswer")
        yield reader


@contextmanager
def open_writer() -> Iterator[psycopg.Connection]:
    """Keep a transaction open that has written to the table. An index build waits for it."""
    with psycopg.connect(**_params()) as writer:
        writer.execute("DELETE FROM ticketing_keptanswer")
        yield writer


def _params() -> dict[str, Any]:
    params = connection.get_connection_params()
    return {name: params[name] for name in ("dbname", "user", "host", "port") if params.get(name)}


def alter(statement: str = ADD, *, atomic: bool = True) -> None:
    with connection.schema_editor(atomic=atomic) as editor:
        editor.execute(statement, None)


def columns() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'ticketing_keptanswer'::regclass"
        )
        return {name for (name,) in cursor.fetchall()}


def index_is_valid() -> bool | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('extra_index')"
        )
        found = cursor.fetchone()
    return found and found[0]


def migrate(
    attempt: Callable[[], None], *, report: Callable[[str], None], pauses: tuple[float, ...]
) -> None:
    retry_lost_locks(
        attempt,
        connection=connection,
        current=lambda: "ticketing.0042_extra",
        report=report,
        pauses=pauses,
    )


def test_a_statement_that_gets_no_lock_gives_up_and_changes_nothing():
    with open_reader(), pytest.raises(LockNotFree) as lost:
        alter()

    assert lost.value.statement == ADD
    assert "extra" not in columns()


def test_a_migration_that_gets_no_lock_reports_the_holders_and_succeeds_later():
    lines: list[str] = []
    with open_reader() as reader:

        def report(line: str) -> None:
            lines.append(line)
            # The reader ends before the third attempt.
            if len(lines) == 2:
                reader.commit()

        migrate(alter, report=report, pauses=(0.01, 0.01, 0.01))
        pid = reader.info.backend_pid

    assert "extra" in columns()
    assert [line.split(".")[1] for line in lines] == [
        f"0042_extra did not get its lock ({attempt} of 4)" for attempt in (1, 2)
    ]
    assert f"a report (pid {pid}, idle in transaction, begun 0 s ago)" in lines[0]
    assert lines[0].endswith("Trying again in 0.01 s.")


def test_a_migration_that_never_gets_its_lock_gives_up_after_the_last_attempt():
    lines: list[str] = []

    with open_reader(), pytest.raises(LockNotFree):
        migrate(alter, report=lines.append, pauses=(0.01, 0.01))

    assert len(lines) == 3
    assert "Giving up" in lines[-1]
    assert "extra" not in columns()


def test_another_error_is_not_retried():
    attempts: list[str] = []

    def fail() -> None:
        attempts.append("once")
        raise OperationalError("the disk is full")

    with pytest.raises(OperationalError, match="the disk is full"):
        migrate(fail, report=attempts.append, pauses=(0.01,))

    assert attempts == ["once"]


def test_a_concurrent_index_build_waits_for_old_transactions_without_a_timeout():
    built: list[bool | None] = []

    def build() -> None:
        with connection.lent_to(Kind.MIGRATION):
            alter(BUILD, atomic=False)
            built.append(index_is_valid())
        connection.close()

    with open_writer() as writer:
        builder = Thread(target=build)
        builder.start()
        # Longer than the lock timeout of other statements.
        builder.join(0.3)
        assert builder.is_alive()
        writer.commit()
        builder.join(10)

    assert built == [True]
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("100ms",)


def test_an_index_of_an_interrupted_build_is_built_again():
    with open_writer(), connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 200")
        with pytest.raises(OperationalError):
            alter(BUILD, atomic=False)
        cursor.execute("SET statement_timeout = 0")
    assert index_is_valid() is False

    alter(BUILD, atomic=False)

    assert index_is_valid() is True


def test_an_index_of_a_migration_that_was_not_recorded_is_built_again():
    alter(BUILD, atomic=False)

    alter(BUILD, atomic=False)

    assert index_is_valid() is True


def test_a_second_process_that_migrates_waits_for_the_first():
    lines: list[str] = []
    with psycopg.connect(**_params(), autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(9, 1)")

        def report(line: str) -> None:
            lines.append(line)
            first.execute("SELECT pg_advisory_unlock(9, 1)")

        with only_migrator(connection, report=report):
            taken = first.execute("SELECT pg_try_advisory_lock(9, 1)").fetchone()
        free = first.execute("SELECT pg_try_advisory_lock(9, 1)").fetchone()

    assert lines == ["Another process migrates this database: waiting for it to finish."]
    assert (taken, free) == ((False,), (True,))
