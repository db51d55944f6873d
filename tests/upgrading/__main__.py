"""`python -m tests.upgrading`: run each migration since the previous release on a full database."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import Final

import django
import psycopg

from tests.system.past import write_the_past
from tests.upgrading.rules import Finding, judge
from ticketing.stack import services
from ticketing.stack.environment import PROJECT
from ticketing.stack.previous_release import (
    NoHistory,
    ReleaseNotFetched,
    previous_release,
    released_migrations,
)

_ORGANIZER: Final = (
    "INSERT INTO events_organizer (id, name, email, created_at)"
    " VALUES (gen_random_uuid(), 'Casa Azul', 'casa@example.com', now())"
)


def main() -> int:
    """Return 0 if every new migration may run beside the previous release."""
    try:
        released = released_migrations()
    except NoHistory as reason:
        print(f"The new migrations are not checked: {reason}")  # noqa: T201
        return 0
    except ReleaseNotFetched as reason:
        print(reason, file=sys.stderr)  # noqa: T201
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="migrations-")))
        stack.callback(rmtree, services.postgres_folder(folder), ignore_errors=True)
        url = stack.enter_context(services.running(services.postgres(folder, durable=False)))
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
        os.environ["DATABASE_URL"] = url
        django.setup()
        findings = [*_changed(released), *_run_new_ones(url, released)]
    for finding in findings:
        print(finding, file=sys.stderr)  # noqa: T201
    return 1 if findings else 0


def _changed(released: dict[str, bytes]) -> Iterator[Finding]:
    """Yield a finding for each released migration that was edited: databases ran the old text."""
    for path, text in released.items():
        now = PROJECT / path
        if not now.exists() or now.read_bytes() != text:
            yield Finding(
                path,
                "released-migration-changed",
                "a released migration was edited: undo that and write a new migration",
            )


def _run_new_ones(url: str, released: dict[str, bytes]) -> Iterator[Finding]:
    from django.apps import apps  # noqa: PLC0415 - needs the settings, which main() chooses
    from django.db import connection  # noqa: PLC0415 - likewise
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415

    known = {(Path(path).parts[-3], Path(path).stem) for path in released}
    ours = {Path(path).parts[0] for path in released}
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    # Apps of other projects, and apps of ours that the previous release does not have.
    others = [
        leaf for leaf in leaves if apps.get_app_config(leaf[0]).name.split(".")[0] not in ours
    ]
    start = others + sorted(known)
    executor.migrate(start)
    with psycopg.connect(url) as record:
        record.execute(_ORGANIZER)
        write_the_past(record)
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(leaves)
    release = previous_release()[:7]
    print(f"checking {len(plan)} migrations since the previous release, {release}")  # noqa: T201
    state = executor.loader.project_state(start)
    for migration, _ in plan:

        def apply(migration=migration) -> None:
            nonlocal state
            state = executor.apply_migration(state, migration)

        yield from judge(connection, migration, apply)


if __name__ == "__main__":
    sys.exit(main())
