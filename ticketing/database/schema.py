"""How migrations change tables without stopping the sale."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import OperationalError
from django.db.backends.ddl_references import Statement
from django.db.backends.postgresql import schema
from psycopg.errors import LockNotAvailable

_CONCURRENTLY: Final = re.compile(
    r"\s*(?:CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\b[^;]*?)\s+CONCURRENTLY\s",
    re.IGNORECASE,
)
_BUILT: Final = re.compile(
    r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+\"?(\w+)\"?\s+ON\s+(?:ONLY\s+)?\"?(\w+)",
    re.IGNORECASE,
)


class LockNotFree(OperationalError):
    """A statement of a migration waited for a lock as long as it may."""

    def __init__(self, statement: str) -> None:
        super().__init__(f"No lock for: {statement}")
        self.statement = statement


class SchemaEditor(schema.DatabaseSchemaEditor):
    """
    Django's own, which also builds an index again that an earlier run left behind.

    :raises LockNotFree: if a statement did not get its lock in time
    """

    def execute(self, sql: Statement | str, params: Any = ()) -> None:
        if self.collect_sql:
            super().execute(sql, params)
        elif _CONCURRENTLY.match(str(sql)):
            with self._patient_for_locks():
                if built := _BUILT.match(str(sql)):
                    self._drop_leftover(*built.groups())
                super().execute(sql, params)
        else:
            try:
                super().execute(sql, params)
            except OperationalError as error:
                if isinstance(error.__cause__, LockNotAvailable):
                    raise LockNotFree(str(sql)) from error.__cause__
                raise

    @contextmanager
    def _patient_for_locks(self) -> Iterator[None]:
        # It waits for all older transactions, and none waits for it: its lock stops no reader or
        # writer. A lock timeout would only leave an invalid index behind.
        with self.connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            (before,) = cursor.fetchone() or ("0",)
            cursor.execute("SET lock_timeout = 0")
            try:
                yield
            finally:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])

    def _drop_leftover(self, index: str, table: str) -> None:
        # An earlier run of this migration ended while it built the index, which is invalid then,
        # or before all of the migration was done. Nothing else has the name on this table.
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " WHERE c.relname = %s AND i.indrelid = to_regclass(%s)"
                " AND pg_table_is_visible(c.oid)",
                [index, self.quote_name(table)],
            )
            is_there = cursor.fetchone() is not None
        if is_there:
            super().execute(f"DROP INDEX CONCURRENTLY {self.quote_name(index)}", None)
