"""Running migrations during a sale: by one process at a time, and with retries for lost locks."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from ticketing.database.base import DatabaseWrapper
from ticketing.database.locks import ALL_MIGRATIONS, Lock
from ticketing.database.schema import LockNotFree

# Seconds between two attempts to get a lock: about five minutes in all. A dump or a report may lock
# a table for longer, and then the operator must decide.
PAUSES: Final = (1, 2, 4, 8, 15, *[30] * 9)
_POLL_SECONDS: Final = 1
_POLLS_PER_LINE: Final = 30


@contextmanager
def only_migrator(connection: DatabaseWrapper, *, report: Callable[[str], None]) -> Iterator[None]:
    """
    Wait until no other process migrates this database, and hold the lock for the `with` block.

    `report` prints a line for the operator.
    """
    polls = 0
    # Polls, because a waiting statement is an open transaction, and an index build of the other
    # process would wait for it: a deadlock.
    while not _call(connection, "pg_try_advisory_lock"):
        if polls % _POLLS_PER_LINE == 0:
            report("Another process migrates this database: waiting for it to finish.")
        polls += 1
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if connection.connection is not None and not connection.needs_rollback:
            _call(connection, "pg_advisory_unlock")


def retry_lost_locks(
    migrate: Callable[[], None],
    *,
    connection: DatabaseWrapper,
    current: Callable[[], str],
    report: Callable[[str], None],
    pauses: Sequence[float] = PAUSES,
) -> None:
    """
    Call `migrate`, and retry it if it failed to get a lock: by its timeout or in a deadlock.

    A retry goes on with the migration that failed: earlier ones are recorded, and the failed one
    was rolled back. `current` returns the name of the migration for the lines that `report` prints.

    :raises OperationalError: if the attempt after the last pause fails too, or for other errors
    """
    for attempt, pause in enumerate([*pauses, None], start=1):
        try:
            migrate()
        except OperationalError as error:
            lost = isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)
            if not lost or connection.in_atomic_block:
                raise
            line = f"{current()} did not get its lock ({attempt} of {len(pauses) + 1})."
            if holders := _holders(connection, error):
                line += f" Open transactions on that table: {'; '.join(holders)}."
            if pause is None:
                report(f"{line} Giving up. End them, or run this again at a quieter time.")
                raise
            report(f"{line} Trying again in {pause:g} s.")
            time.sleep(pause)
        else:
            return


def _call(connection: DatabaseWrapper, function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [Lock.MIGRATION, ALL_MIGRATIONS])
        (result,) = cursor.fetchone() or (False,)
    return bool(result)


def _holders(connection: DatabaseWrapper, error: OperationalError) -> list[str]:
    if not isinstance(error, LockNotFree):
        return []
    # The lines leave out the queries, because a query may contain personal data of a buyer.
    tables = [name for name in connection.introspection.table_names() if name in error.statement]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%%s (pid %%s, %%s, begun %%s s ago)', coalesce(nullif("
            " a.application_name, ''), 'a client without a name'), a.pid, a.state,"
            " extract(epoch FROM clock_timestamp() - a.xact_start)::int)"
            " FROM pg_stat_activity a WHERE a.pid <> pg_backend_pid() AND EXISTS ("
            "  SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
            "  WHERE l.pid = a.pid AND l.granted AND c.relname = ANY (%s))"
            " AND a.datname = current_database() ORDER BY a.xact_start LIMIT 3",
            [tables],
        )
        return [holder for (holder,) in cursor.fetchall()]
