"""Runs one migration and checks its statements, its locks and the number of changed rows."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from tests.upgrading.catalog import incompatibilities, read_catalog

# The most rows of a big table that one transaction may change.
BATCH: Final = 1000
# These tables grow with each order, scan or message.
BIG_TABLES: Final = frozenset(
    {
        "events_webhookattempt",
        "events_webhookmessage",
        "orders_ledgerentry",
        "orders_order",
        "orders_orderitem",
        "orders_payment",
        "orders_refund",
        "tickets_delivery",
        "tickets_scan",
        "tickets_ticket",
    }
)
# The rules of squawk about statements that hold a lock while they read or write a whole table.
_SQUAWK: Final = {
    "adding-field-with-default",
    "adding-foreign-key-constraint",
    "adding-not-nullable-field",
    "changing-column-type",
    "constraint-missing-not-valid",
    "disallowed-unique-constraint",
    "require-concurrent-index-creation",
    "require-concurrent-index-deletion",
    "require-concurrent-reindex",
}
_TABLE: Final = re.compile(
    r"(?:ALTER TABLE|\bON|\bTABLE)\s+(?:IF EXISTS\s+)?(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE
)
_VALIDATES: Final = re.compile(r"\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)
_CHANGES_TABLE: Final = re.compile(r"\s*ALTER\s+TABLE\b", re.IGNORECASE)
_IS_DDL: Final = re.compile(r"\s*(?:CREATE|ALTER|DROP|REINDEX)\b", re.IGNORECASE)
_ALLOWED: Final = re.compile(r"^# allow ([a-z-]+): \S.+", re.MULTILINE)
_CHANGED_ROWS: Final = """
SELECT pg_current_xact_id_if_assigned()::text, s.relname, s.n_tup_upd + s.n_tup_del
FROM pg_stat_xact_user_tables s WHERE s.relname = ANY (%s)
"""
_LOCKED: Final = """
SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.mode = 'AccessExclusiveLock' AND c.relname = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    migration: str
    rule: str
    what: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.what} [{self.rule}]"


@dataclass
class Watch:
    """The statements, locks and changed rows of one migration."""

    statements: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    _counted: dict[str, int] = field(default_factory=dict)
    _changed: dict[str, tuple[str | None, int]] = field(default_factory=dict)

    def begin(self, counts: list[tuple[str | None, str, int]]) -> None:
        """Set the starting counts: PostgreSQL still counts rows of earlier transactions."""
        self._counted = {table: count for _, table, count in counts}

    def count(self, counts: list[tuple[str | None, str, int]]) -> None:
        """Add the rows that the last statement changed to those of its transaction."""
        for transaction, table, count in counts:
            before = self._counted.get(table, 0)
            changed = count - before if count >= before else count
            self._counted[table] = count
            was_in, so_far = self._changed.get(table, (None, 0))
            if transaction is not None and transaction == was_in:
                changed += so_far
            self._changed[table] = transaction, changed
            self.rows[table] = max(self.rows.get(table, 0), changed)


def judge(
    connection: BaseDatabaseWrapper,
    migration: Migration,
    apply: Callable[[], None],
    *,
    batch: int = BATCH,
) -> list[Finding]:
    """
    Apply a migration to a database that has rows, and return its violations of the rules.

    A line `# allow <rule>: <reason>` in the migration's file allows a violation.
    """
    before = read_catalog(connection)
    with _watching(connection) as watch:
        apply()
    found = [
        *incompatibilities(before, read_catalog(connection)),
        *_squawk(watch.statements, known=before.tables),
        *_our_rules(migration, watch, batch=batch),
    ]
    allowed = _allowances(migration)
    return [Finding(str(migration), rule, what) for rule, what in found if rule not in allowed]


@contextmanager
def _watching(connection: BaseDatabaseWrapper) -> Iterator[Watch]:
    watch, big = Watch(), sorted(BIG_TABLES)
    is_watching = False

    def note(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        nonlocal is_watching
        result = execute(sql, parameters, many, context)
        # The queries below come here too.
        if is_watching:
            return result
        is_watching = True
        try:
            watch.statements.append(str(sql))
            with connection.cursor() as cursor:
                cursor.execute(_LOCKED, [big])
                watch.locked |= {table for (table,) in cursor.fetchall()}
                cursor.execute(_CHANGED_ROWS, [big])
                watch.count(cursor.fetchall())
        finally:
            is_watching = False
        return result

    with connection.cursor() as cursor:
        cursor.execute(_CHANGED_ROWS, [big])
        watch.begin(cursor.fetchall())
    with connection.execute_wrapper(note):
        yield watch


def _our_rules(migration: Migration, watch: Watch, *, batch: int) -> Iterator[tuple[str, str]]:
    for table, count in sorted(watch.rows.items()):
        if table in BIG_TABLES and count > batch:
            yield (
                "too-many-rows-at-once",
                f"{count} rows of {table} change in one transaction; at most {batch} at a time",
            )
    if len(watch.locked) > 1:
        yield (
            "locks-several-tables",
            (
                f"one transaction locks {' and '.join(sorted(watch.locked))}: it can deadlock with"
                " a sale that locks them in another order; use one migration for each table"
            ),
        )
    alone = len(migration.operations) == 1
    if not migration.atomic and not alone and not _may_run_twice(migration):
        yield (
            "not-atomic-and-not-alone",
            (
                "it cannot run again after a failure half-way: with atomic = False, a migration"
                " needs a single operation, or only concurrent indexes"
            ),
        )
    validated = {_table_of(each) for each in watch.statements if _VALIDATES.search(each)}
    changed = {
        _table_of(each)
        for each in watch.statements
        if _CHANGES_TABLE.match(each) and not _VALIDATES.search(each)
    }
    for table in sorted(validated & changed & BIG_TABLES):
        yield (
            "validated-at-once",
            (
                f"validating the constraint reads all of {table} while an earlier statement's lock"
                " blocks it: validate it in a migration of its own"
            ),
        )


def _may_run_twice(migration: Migration) -> bool:
    # Our schema editor rebuilds an index that an earlier, failed run left behind.
    indexes = AddIndexConcurrently | RemoveIndexConcurrently
    return all(isinstance(each, indexes) for each in migration.operations)


def _squawk(statements: list[str], *, known: set[str]) -> Iterator[tuple[str, str]]:
    ddl = [each.strip().rstrip(";") for each in statements if _IS_DDL.match(each)]
    if not ddl:
        return
    ends, text = [], ""
    for each in ddl:
        text += f"{each};\n"
        ends.append(text.count("\n"))
    done = subprocess.run(
        [str(Path(sys.executable).with_name("squawk")), "--reporter", "Json"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    for issue in json.loads(done.stdout):
        rule = issue["rule_name"]
        statement = ddl[next(n for n, end in enumerate(ends) if issue["line"] < end)]
        table = _table_of(statement)
        if rule == "syntax-error":
            yield rule, f"squawk cannot read: {statement}"
        # A statement that drops an index names no table.
        elif rule in _SQUAWK and (table in BIG_TABLES & known or not table):
            yield rule, f"{issue['message']} ({statement})"


def _table_of(statement: str) -> str:
    found = _TABLE.search(statement)
    return found[1] if found else ""


def _allowances(migration: Migration) -> set[str]:
    file = sys.modules[type(migration).__module__].__file__
    return set(_ALLOWED.findall(Path(file).read_text())) if file else set()
