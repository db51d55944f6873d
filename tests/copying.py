"""Gives each process of pytest-xdist a migrated database. Only the first one migrates."""

import os

import psycopg
from django.core.management import call_command
from django.db import connection


def use_a_copy(name: str) -> None:
    """Make the database `name` as a copy of a migrated one, and let Django use it."""
    # The connection is to a database that nothing else uses. Its end releases the lock.
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock(1)")
        found = server.execute("SELECT FROM pg_database WHERE datname = 'migrated'").fetchone()
        if found is None:
            server.execute("CREATE DATABASE migrating")
            connection.settings_dict["NAME"] = "migrating"
            call_command("migrate", verbosity=0)
            connection.close()
            server.execute("ALTER DATABASE migrating RENAME TO migrated")
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE migrated')
    connection.settings_dict["NAME"] = name
