"""The schema editor: migrations give up a lock soon, and repeat an interrupted index build."""

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
_CREATE_INDEX: Final = re.compile(
    r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+\"?(\w+)\"?\s+ON\s+(?:ONLY\s+)?\"?(\w+)",
    re.IGNORECASE,
)


class LockNotFree(OperationalError):
    """A statement of a migration did not get its lock before `lock_timeout`."""

    def __init__(self, statement: str) -> None:
        super().__init__(f"No lock for: {statement}")
        self.statement = statement


class SchemaEditor(schema.DatabaseSchemaEditor):
    """
    Django's schema editor, which raises `LockNotFree` and builds left-over indexes anew.

    Before `CREATE INDEX CONCURRENTLY` it drops the index that an interrupted run left behind.
    """

    def execute(self, sql: Statement | str, params: Any = ()) -> None:
        if self.collect_sql:
            super().execute(sql, params)
        elif _CONCURRENTLY.match(str(sql)):
            with self._without_lock_timeout():
                if created := _CREATE_INDEX.match(str(sql)):
                    self._drop_leftover(*created.groups())
                super().execute(sql, params)
        else:
            try:
                super().execute(sql, params)
            except OperationalError as error:
                if isinstance(error.__cause__, LockNotAvailable):
                    raise LockNotFree(str(sql)) from error.__cause__
                raise

    @contextmanager
    def _without_lock_timeout(self) -> Iterator[None]:
        # A CONCURRENTLY statement waits for all older transactions, and blocks no reader or writer.
        # A lock timeout would only make it leave an invalid index behind.
        with self.connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            (before,) = cursor.fetchone() or ("0",)
            cursor.execute("SET lock_timeout = 0")
            try:
                yield
            finally:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [before])

    def _drop_leftover(self, index: str, table: str) -> None:
        # An earlier run of this migration ended during the index build (the index is invalid), or
        # after it but before the migration was recorded. Only this migration uses the name.
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " WHERE c.relname = %s AND i.indrelid = to_regclass(%s)"
                " AND pg_table_is_visible(c.oid)",
                [index, self.quote_name(table)],
            )
            exists = cursor.fetchone() is not None
        if exists:
            super().execute(f"DROP INDEX CONCURRENTLY {self.quote_name(index)}", None)
