"""Compares the database before and after a migration: columns, functions, triggers, constraints."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper

_COLUMNS: Final = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
  a.attnotnull AND NOT (a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''), a.attnotnull
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
  AND NOT a.attisdropped
"""
# Without functions of extensions, which are not ours.
_FUNCTIONS: Final = """
SELECT p.proname, pg_get_function_identity_arguments(p.oid), pg_get_function_result(p.oid),
  p.pronargs, p.pronargdefaults
FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""
_TRIGGERS: Final = """
SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal
"""
_CONSTRAINTS: Final = """
SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('c', 'u', 'x', 'p', 'f')
"""


@dataclass(frozen=True, slots=True)
class Column:
    type: str
    must_be_written: bool
    never_null: bool


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    arguments: str
    result: str
    arity: int
    defaults: int

    def __str__(self) -> str:
        return f"{self.name}({self.arguments})"


@dataclass(frozen=True, slots=True)
class Catalog:
    columns: dict[tuple[str, str], Column]
    functions: dict[str, Function]
    triggers: set[tuple[str, str]]
    constraints: set[tuple[str, str]]

    @property
    def tables(self) -> set[str]:
        return {table for table, _ in self.columns}


def read_catalog(connection: BaseDatabaseWrapper) -> Catalog:
    def rows(query: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    functions = [Function(*row) for row in rows(_FUNCTIONS)]
    return Catalog(
        columns={(table, name): Column(*rest) for table, name, *rest in rows(_COLUMNS)},
        functions={str(function): function for function in functions},
        triggers={(table, name) for table, name in rows(_TRIGGERS)},
        constraints={(table, name) for table, name in rows(_CONSTRAINTS)},
    )


def incompatibilities(released: Catalog, now: Catalog) -> Iterator[tuple[str, str]]:
    """Yield the rule and a sentence for each change that would break the previous release."""
    yield from _columns(released, now)
    yield from _functions(released, now)
    for table, name in sorted(released.triggers - now.triggers):
        yield "trigger-is-gone", f"the trigger {name} on {table} is gone"
    for table, name in sorted(released.constraints - now.constraints):
        if table in now.tables:
            yield "constraint-is-gone", f"the constraint {name} on {table} is gone"


def _columns(released: Catalog, now: Catalog) -> Iterator[tuple[str, str]]:
    for table in sorted(released.tables - now.tables):
        yield "table-is-gone", f"the table {table} is gone"
    for (table, name), column in sorted(released.columns.items()):
        found = now.columns.get((table, name))
        if found is None and table in now.tables:
            yield "column-is-gone", f"the column {table}.{name} is gone"
        elif found and found.type != column.type:
            yield "type-changed", f"{table}.{name} was {column.type} and is {found.type}"
        elif found and found.never_null and not column.never_null:
            yield "column-got-strict", f"{table}.{name} became NOT NULL"
        elif found and found.must_be_written and not column.must_be_written:
            yield "column-got-strict", f"{table}.{name} lost its default"
    for (table, name), column in sorted(now.columns.items()):
        is_new = table in released.tables and (table, name) not in released.columns
        if is_new and column.must_be_written:
            yield "column-is-required", f"{table}.{name} is NOT NULL and has no db_default"


def _functions(released: Catalog, now: Catalog) -> Iterator[tuple[str, str]]:
    for signature, function in sorted(released.functions.items()):
        found = now.functions.get(signature)
        if found is None:
            yield "function-is-gone", f"the function {signature} is gone"
        elif found.result != function.result:
            yield "function-changed", f"{signature} returned {function.result}, now {found.result}"
    added = [now.functions[each] for each in sorted(now.functions.keys() - released.functions)]
    for new in added:
        for old in released.functions.values():
            fewest = new.arity - new.defaults
            if new.name == old.name and fewest <= old.arity <= new.arity:
                yield (
                    "call-is-ambiguous",
                    f"a call of {old.name} with {old.arity} arguments also fits {new}",
                )
