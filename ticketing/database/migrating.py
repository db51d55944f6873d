"""Migrating while the sale goes on: one migrator at a time, which gives way and tries again."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable

from ticketing.database.base import DatabaseWrapper
from ticketing.database.locks import ALL_MIGRATIONS, Lock
from ticketing.database.schema import LockNotFree

# Seconds between two attempts to get a lock. Together with the attempts some five minutes: a dump
# of the database or a report may hold a table longer, and then the operator must decide.
PAUSES: Final = (1, 2, 4, 8, 15, *[30] * 9)
_POLL_SECONDS: Final = 1
_TELL_EVERY: Final = 30


@contextmanager
def only_migrator(connection: DatabaseWrapper, *, tell: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process migrates this database, and keep the others out meanwhile."""
    polls = 0
    # It polls: a statement that waited would be an open transaction, and an index
    # that the other process builds waits for all of these.
    while not _ask(connection, "pg_try_advisory_lock"):
        if polls % _TELL_EVERY == 0:
            tell("Another process migrates this database: waiting for it to finish.")
        polls += 1
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if connection.connection is not None and not connection.needs_rollback:
            _ask(connection, "pg_advisory_unlock")


def retry_lost_locks(
    migrate: Callable[[], None],
    *,
    connection: DatabaseWrapper,
    doing: Callable[[], str],
    tell: Callable[[str], None],
    pauses: Sequence[float] = PAUSES,
) -> None:
    """
    Call `migrate` again when it lost a lock: to its timeout, or in a deadlock with the sale.

    What it had finished is recorded, and what it had begun was rolled back.

    :raises OperationalError: if a lock was lost once more than there are pauses, or another error
    """
    for attempt, pause in enumerate([*pauses, None], start=1):
        try:
            migrate()
        except OperationalError as error:
            lost = isinstance(error.__cause__, LockNotAvailable | DeadlockDetected)
            if not lost or connection.in_atomic_block:
                raise
            what = f"{doing()} did not get its lock ({attempt} of {len(pauses) + 1})."
            holders = _holders(connection, error)
            who = f" Open transactions on that table: {'; '.join(holders)}." if holders else ""
            if pause is None:
                tell(f"{what}{who} Giving up: end them, or run this again at a quieter time.")
                raise
            tell(f"{what}{who} Trying again in {pause:g} s.")
            time.sleep(pause)
        else:
            return


def _ask(connection: DatabaseWrapper, function: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [Lock.MIGRATION, ALL_MIGRATIONS])
        (answer,) = cursor.fetchone() or (False,)
    return bool(answer)


def _holders(connection: DatabaseWrapper, error: OperationalError) -> list[str]:
    if not isinstance(error, LockNotFree):
        return []
    # Without their queries: these may name a buyer.
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
