"""The database backend's connection. Django imports this module by its name."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base

from ticketing.database.schema import SchemaEditor
from ticketing.database.timeouts import Kind, declared_kind, timeouts_of


class DatabaseWrapper(base.DatabaseWrapper):
    """
    A connection that checks its socket before reuse, and sets timeouts for its kind of process.

    If PostgreSQL has restarted or failed over, it has closed its end, so the idle socket is
    readable. Django's own check is a `SELECT 1`, which costs each request a round trip.
    """

    SchemaEditorClass = SchemaEditor
    _lent_to: Kind | None = None

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        kind = self._lent_to or declared_kind()
        timeouts = [f"-c {name}={at}" for name, at in timeouts_of(kind).parameters().items()]
        params["options"] = " ".join([params.get("options", ""), *timeouts]).strip()
        params.setdefault("application_name", f"bilheteria {kind}")
        return params

    def is_usable(self) -> bool:
        if self.connection.closed:
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)

    @contextmanager
    def lent_to(self, kind: Kind) -> Iterator[None]:
        """Use the timeouts of `kind` in the `with` block, also after the connection is reopened."""
        before = self._lent_to
        self._lent_to = kind
        self._set_timeouts()
        try:
            yield
        finally:
            self._lent_to = before
            if self.connection is not None and self.connection.closed:
                self.close()
            # Otherwise no statement can run, and the rollback restores the timeouts.
            if not self.needs_rollback:
                self._set_timeouts()

    def _set_timeouts(self) -> None:
        if self.connection is None:
            return
        kind = self._lent_to or declared_kind()
        with self.cursor() as cursor:
            for name, timeout in timeouts_of(kind).parameters().items():
                cursor.execute("SELECT set_config(%s, %s, false)", [name, timeout])
