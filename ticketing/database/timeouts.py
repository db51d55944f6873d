"""Timeouts of statements, locks and idle transactions for each kind of process."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_PARTS: Final = ("statement", "lock", "idle")
_EXAMPLE: Final = "statement=10,lock=5,idle=15"


class Kind(StrEnum):
    """The kind of a process, or of one of its connections."""

    WEB = "web"
    WORKER = "worker"
    BEAT = "beat"
    COMMAND = "command"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds; 0 means no limit. `idle` is between two statements of a transaction."""

    statement: float
    lock: float
    idle: float

    def parameters(self) -> dict[str, str]:
        """Return the timeouts by the names of PostgreSQL's settings."""
        return {
            "statement_timeout": _milliseconds(self.statement),
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle),
        }


# Each entry point declares its kind in code: an operator cannot forget it.
_declared = Kind.COMMAND


def declare_process(kind: Kind) -> None:
    """Set the kind of this process, before it opens a connection. Forked children inherit it."""
    global _declared  # noqa: PLW0603 - one value for the whole process
    _declared = kind


def declared_kind() -> Kind:
    """Return the kind of this process. The default is that of management commands and shells."""
    return _declared


def timeouts_of(kind: Kind) -> Timeouts:
    """
    Return the timeouts that the settings give a kind of process.

    :raises ImproperlyConfigured: if the setting cannot be parsed
    """
    name, text = f"DATABASE_TIMEOUTS_{kind.name}", settings.DATABASE_TIMEOUTS[kind]
    try:
        pairs = [part.split("=", 1) for part in text.split(",")]
        seconds = {part.strip(): float(number) for part, number in pairs}
    except ValueError:
        seconds = {}
    if set(seconds) != set(_PARTS) or not all(0 <= number < 86_400 for number in seconds.values()):  # noqa: PLR2004 - a day
        raise ImproperlyConfigured(f"{name} must be in seconds, such as {_EXAMPLE}, not {text!r}.")
    return Timeouts(**seconds)


def check_timeouts() -> None:
    """
    Refuse timeouts with which a migration could make requests or tasks fail.

    While a migration waits for a lock on a table, all later statements on that table wait behind
    it. The migration must give up before they time out.

    :raises ImproperlyConfigured: if a setting cannot be parsed, or a migration could wait too long
    """
    known = {kind: timeouts_of(kind) for kind in Kind}
    for kind in (Kind.WEB, Kind.WORKER):
        if not known[kind].statement:
            raise ImproperlyConfigured(
                f"DATABASE_TIMEOUTS_{kind.name} must limit statements: 0 means no limit."
            )
        longest_wait = known[kind].lock or known[kind].statement
        if not 0 < known[Kind.MIGRATION].lock < longest_wait:
            raise ImproperlyConfigured(
                "The lock timeout of DATABASE_TIMEOUTS_MIGRATION must be more than 0 and less than"
                f" that of DATABASE_TIMEOUTS_{kind.name}."
            )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
