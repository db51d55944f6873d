"""Django's command `migrate`, safe to run while the previous release sells tickets."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations import Migration

from ticketing.database.base import DatabaseWrapper
from ticketing.database.migrating import only_migrator, retry_lost_locks
from ticketing.database.timeouts import Kind


class Command(migrate.Command):
    help = (
        "Apply this version's migrations. Statements have no time limit. A migration that does not"
        " get a lock soon is rolled back and retried, so that it does not block the sale."
    )
    _current = "migrate"

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        assert isinstance(connection, DatabaseWrapper)  # noqa: S101 - the settings' engine

        def migrate_once() -> None:
            super(Command, self).handle(*args, **options)

        with (
            connection.lent_to(Kind.MIGRATION),
            only_migrator(connection, report=self._report),
        ):
            retry_lost_locks(
                migrate_once,
                connection=connection,
                current=lambda: self._current,
                report=self._report,
            )

    def migration_progress_callback(
        self,
        action: str,
        migration: Migration | None = None,
        fake: bool = False,  # noqa: FBT001, FBT002 - Django's
    ) -> None:
        if action == "apply_start":
            self._current = str(migration)
        super().migration_progress_callback(action, migration, fake)

    def _report(self, line: str) -> None:
        self.stderr.write(line)
