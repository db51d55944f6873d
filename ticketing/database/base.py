"""Where Django looks for the backend's connection."""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.postgresql import base

from ticketing.database.schema import SchemaEditor
from ticketing.database.timeouts import Kind, declared_kind, timeouts_of


class DatabaseWrapper(base.DatabaseWrapper):
    """
    Keeps a thread's connection, and looks at its socket before a request uses it again.

    A server that restarted or failed over has closed its end, so there is something to read where
    nothing was asked. Django's own way is a `SELECT 1`, a round trip before every request.

    Its timeouts are those of the process's kind, or of a kind that it was lent to.
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
        """Give the connection the timeouts of `kind` for a while, also if it is opened anew."""
        before = self._lent_to
        self._lent_to = kind
        self._set_timeouts()
        try:
            yield
        finally:
            self._lent_to = before
            if self.connection is not None and self.connection.closed:
                self.close()
            # A transaction that must roll back takes the timeouts set in it with it.
            if not self.needs_rollback:
                self._set_timeouts()

    def _set_timeouts(self) -> None:
        if self.connection is None:
            return
        kind = self._lent_to or declared_kind()
        with self.cursor() as cursor:
            for name, timeout in timeouts_of(kind).parameters().items():
                cursor.execute("SELECT set_config(%s, %s, false)", [name, timeout])
