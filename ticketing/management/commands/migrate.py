"""Django's own command, made fit to run while the previous release sells tickets."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations import Migration

from ticketing.database.base import DatabaseWrapper
from ticketing.database.migrating import only_migrator, retry_lost_locks
from ticketing.database.timeouts import Kind


class Command(migrate.Command):
    help = (
        "Bring the database to what this version needs. Statements may take as long as they need;"
        " a migration that waits too long for a lock lets the sale go on and tries again."
    )
    _applying = "migrate"

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        assert isinstance(connection, DatabaseWrapper)  # noqa: S101 - the settings' engine

        def migrate_once() -> None:
            super(Command, self).handle(*args, **options)

        with (
            connection.lent_to(Kind.MIGRATION),
            only_migrator(connection, tell=self._tell),
        ):
            retry_lost_locks(
                migrate_once,
                connection=connection,
                doing=lambda: self._applying,
                tell=self._tell,
            )

    def migration_progress_callback(
        self,
        action: str,
        migration: Migration | None = None,
        fake: bool = False,  # noqa: FBT001, FBT002 - Django's
    ) -> None:
        if action == "apply_start":
            self._applying = str(migration)
        super().migration_progress_callback(action, migration, fake)

    def _tell(self, line: str) -> None:
        self.stderr.write(line)
