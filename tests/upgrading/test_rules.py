"""The rules for migrations: each finds its kind of bad migration, and good migrations pass."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    ValidateConstraint,
)
from django.db import connection, models
from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    Migration,
    RemoveField,
    RenameField,
    RenameModel,
    RunPython,
    RunSQL,
)
from django.db.migrations.loader import MigrationLoader

from tests.upgrading.rules import judge

pytestmark = pytest.mark.django_db(transaction=True)

POSITIVE = models.CheckConstraint(condition=models.Q(total__gte=0), name="total_is_positive")
INDEX = models.Index(fields=["total"], name="orders_by_total")
RECREATED = "CREATE FUNCTION words_asked_for(said text) RETURNS text LANGUAGE sql AS 'SELECT said'"


class _Undo(Exception):
    pass


def rules(*operations: Any, atomic: bool = True, batch: int = 1000) -> list[str]:
    """Return the rules that a migration of `orders` breaks. The migration is rolled back."""
    parts = {"operations": list(operations), "atomic": atomic, "__module__": __name__}
    migration: Migration = type("New", (Migration,), parts)("9999_new", "orders")
    state = MigrationLoader(connection).project_state()

    def apply() -> None:
        with connection.schema_editor(atomic=atomic) as editor:
            migration.apply(state.clone(), editor)

    if not atomic:
        return [finding.rule for finding in judge(connection, migration, apply, batch=batch)]
    found: list[str] = []
    with suppress(_Undo), connection.schema_editor(atomic=True):
        found = [finding.rule for finding in judge(connection, migration, apply, batch=batch)]
        raise _Undo
    return found


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ([AddIndex("order", INDEX)], ["require-concurrent-index-creation"]),
        (
            [RunSQL("CREATE INDEX extra\n  ON orders_order\n  (total)")],
            ["require-concurrent-index-creation"],
        ),
        ([AddConstraint("order", POSITIVE)], ["constraint-missing-not-valid"]),
        (
            [AddConstraintNotValid("order", POSITIVE), ValidateConstraint("order", POSITIVE.name)],
            ["validated-at-once"],
        ),
        ([AddField("order", "note", models.TextField(default=""))], ["column-is-required"]),
        ([RemoveField("order", "language")], ["column-is-gone"]),
        ([RenameField("order", "language", "tongue")], ["column-is-gone", "column-is-required"]),
        (
            [AlterField("order", "language", models.CharField(max_length=40))],
            ["type-changed", "changing-column-type"],
        ),
        ([RunSQL("DROP FUNCTION words_asked_for")], ["function-is-gone"]),
        ([RunSQL("DROP FUNCTION words_asked_for"), RunSQL(RECREATED)], ["function-changed"]),
        (
            [RunSQL("CREATE FUNCTION event_words(a text, b text, c text, d text, e text DEFAULT '')"
                    " RETURNS text LANGUAGE sql AS 'SELECT a'")],
            ["call-is-ambiguous"],
        ),
        ([RunSQL("DROP TRIGGER announce_new_order ON orders_order")], ["trigger-is-gone"]),
        (
            [RunSQL("ALTER TABLE orders_order DROP CONSTRAINT one_order_per_code")],
            ["constraint-is-gone"],
        ),
        ([RunSQL("ALTER TABLE orders_order ADD COLUMN note text"), RunSQL(
            "ALTER TABLE tickets_ticket ADD COLUMN note text")], ["locks-several-tables"]),
    ],
)  # fmt: skip
def test_a_migration_that_would_break_the_previous_release_is_found(
    operations: Sequence[Any], expected: list[str]
):
    assert sorted(set(rules(*operations))) == sorted(expected)


def test_a_renamed_table_is_found():
    assert "table-is-gone" in rules(RenameModel("DroppedHold", "LostHold"))


@pytest.fixture
def scans() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tickets_scan (id, scan_id, scanned_by, result, gate, code, scanned_at,"
            " recorded_at) SELECT gen_random_uuid(), gen_random_uuid(), 'x', 'invalid_code', '',"
            " '', now(), now() FROM generate_series(1, 5)"
        )


def update_in_python(apps: Any, editor: Any) -> None:
    scan = apps.get_model("tickets", "Scan")
    for found in scan.objects.all():
        scan.objects.filter(pk=found.pk).update(gate="Main")


@pytest.mark.parametrize(
    "operation",
    [
        RunSQL("UPDATE tickets_scan SET gate = 'Main'"),
        RunSQL("DELETE FROM tickets_scan"),
        RunSQL("DO $$ BEGIN UPDATE tickets_scan SET gate = 'Main'; END $$"),
        RunPython(update_in_python),
    ],
)
def test_a_transaction_that_changes_a_whole_table_is_found(scans: None, operation: Any):
    assert rules(operation, batch=4) == ["too-many-rows-at-once"]
    assert rules(operation, batch=5) == []


def test_a_migration_that_cannot_run_again_after_a_failure_is_found():
    try:
        found = rules(AddIndexConcurrently("order", INDEX), RunSQL("SELECT 1"), atomic=False)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS orders_by_total")

    assert found == ["not-atomic-and-not-alone"]


def test_an_index_that_is_built_concurrently_is_allowed():
    try:
        found = rules(AddIndexConcurrently("order", INDEX), atomic=False)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS orders_by_total")

    assert found == []


@pytest.mark.parametrize(
    "operation",
    [
        AddField("order", "note", models.TextField(default="", db_default="")),
        AddField("order", "note", models.TextField(null=True)),
        AddConstraintNotValid("order", POSITIVE),
        # A small table.
        AddIndex("droppedhold", models.Index(fields=["dropped_at"], name="extra")),
        RunSQL(
            "CREATE FUNCTION reserve_order(the_order uuid) RETURNS uuid LANGUAGE sql"
            " AS 'SELECT the_order'"
        ),
        RunSQL(
            "CREATE OR REPLACE FUNCTION announce_order() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'"
        ),
    ],
)
def test_a_migration_that_the_previous_release_does_not_notice_is_allowed(operation: Any):
    assert rules(operation) == []
