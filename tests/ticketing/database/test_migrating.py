"""What a migration does about locks: it gives way, says to whom, and tries again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, cast

import psycopg
import pytest
from django.db import OperationalError
from django.db import connection as its_proxy
from pytest_django import Settings

from ticketing.database.base import DatabaseWrapper
from ticketing.database.migrating import only_migrator, retry_lost_locks
from ticketing.database.schema import LockNotFree
from ticketing.database.timeouts import Kind

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

connection = cast(DatabaseWrapper, its_proxy)
ADD = "ALTER TABLE ticketing_keptanswer ADD COLUMN extra text"
DROP = "ALTER TABLE ticketing_keptanswer DROP COLUMN IF EXISTS extra"
BUILD = "CREATE INDEX CONCURRENTLY extra_index ON ticketing_keptanswer (status)"


@pytest.fixture(autouse=True)
def impatient(settings: Settings) -> Iterator[None]:
    settings.DATABASE_TIMEOUTS = settings.DATABASE_TIMEOUTS | {
        "migration": "statement=0,lock=0.1,idle=15"
    }
    with connection.lent_to(Kind.MIGRATION):
        yield
        with connection.cursor() as cursor:
            cursor.execute(DROP)
            cursor.execute("DROP INDEX IF EXISTS extra_index")


@contextmanager
def somebody_reads_the_table(name: str = "a report") -> Iterator[psycopg.Connection]:
    """Hold a transaction open that has read the table, as a slow report does."""
    with psycopg.connect(**_params(), application_name=name) as reader:
        reader.execute("SELECT FROM ticketing_keptanswer")
        yield reader


@contextmanager
def somebody_writes_to_the_table() -> Iterator[psycopg.Connection]:
    """Hold a transaction open that has written to the table, for which an index build waits."""
    with psycopg.connect(**_params()) as writer:
        writer.execute("DELETE FROM ticketing_keptanswer")
        yield writer


def _params() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {name: known[name] for name in ("dbname", "user", "host", "port") if known.get(name)}


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
    attempt: Callable[[], None], *, tell: Callable[[str], None], pauses: tuple[float, ...]
) -> None:
    retry_lost_locks(
        attempt,
        connection=connection,
        doing=lambda: "ticketing.0042_extra",
        tell=tell,
        pauses=pauses,
    )


def test_a_statement_that_gets_no_lock_gives_up_and_changes_nothing():
    with somebody_reads_the_table(), pytest.raises(LockNotFree) as lost:
        alter()

    assert lost.value.statement == ADD
    assert "extra" not in columns()


def test_a_migration_that_lost_its_lock_says_to_whom_and_succeeds_later():
    told: list[str] = []
    with somebody_reads_the_table() as reader:

        def tell(line: str) -> None:
            told.append(line)
            # By the third attempt the report is done.
            if len(told) == 2:
                reader.commit()

        migrate(alter, tell=tell, pauses=(0.01, 0.01, 0.01))
        pid = reader.info.backend_pid

    assert "extra" in columns()
    assert [line.split(".")[1] for line in told] == [
        f"0042_extra did not get its lock ({attempt} of 4)" for attempt in (1, 2)
    ]
    assert f"a report (pid {pid}, idle in transaction, begun 0 s ago)" in told[0]
    assert told[0].endswith("Trying again in 0.01 s.")


def test_a_migration_that_never_gets_its_lock_gives_up_in_the_end():
    told: list[str] = []

    with somebody_reads_the_table(), pytest.raises(LockNotFree):
        migrate(alter, tell=told.append, pauses=(0.01, 0.01))

    assert len(told) == 3
    assert "Giving up" in told[-1]
    assert "extra" not in columns()


def test_another_error_is_not_tried_again():
    attempts: list[str] = []

    def fail() -> None:
        attempts.append("once")
        raise OperationalError("the disk is full")

    with pytest.raises(OperationalError, match="the disk is full"):
        migrate(fail, tell=attempts.append, pauses=(0.01,))

    assert attempts == ["once"]


def test_an_index_that_is_built_concurrently_waits_for_old_transactions_as_long_as_they_take():
    built: list[bool | None] = []

    def build() -> None:
        with connection.lent_to(Kind.MIGRATION):
            alter(BUILD, atomic=False)
            built.append(index_is_valid())
        connection.close()

    with somebody_writes_to_the_table() as writer:
        builder = Thread(target=build)
        builder.start()
        # Twice as long as any other statement of a migration waits.
        builder.join(0.3)
        assert builder.is_alive()
        writer.commit()
        builder.join(10)

    assert built == [True]
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("100ms",)


def test_an_index_that_was_left_half_built_is_built_again():
    with somebody_writes_to_the_table(), connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 200")
        with pytest.raises(OperationalError):
            alter(BUILD, atomic=False)
        cursor.execute("SET statement_timeout = 0")
    assert index_is_valid() is False

    alter(BUILD, atomic=False)

    assert index_is_valid() is True


def test_an_index_of_a_migration_that_ended_before_it_was_recorded_is_built_again():
    alter(BUILD, atomic=False)

    alter(BUILD, atomic=False)

    assert index_is_valid() is True


def test_a_second_process_that_migrates_waits_for_the_first():
    told: list[str] = []
    with psycopg.connect(**_params(), autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(9, 1)")

        def tell(line: str) -> None:
            told.append(line)
            first.execute("SELECT pg_advisory_unlock(9, 1)")

        with only_migrator(connection, tell=tell):
            taken = first.execute("SELECT pg_try_advisory_lock(9, 1)").fetchone()
        free = first.execute("SELECT pg_try_advisory_lock(9, 1)").fetchone()

    assert told == ["Another process migrates this database: waiting for it to finish."]
    assert (taken, free) == ((False,), (True,))
