"""How long each kind of process may run a statement, wait for a lock and idle in a transaction."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_PARTS: Final = ("statement", "lock", "idle")
_EXAMPLE: Final = "statement=10,lock=5,idle=15"


class Kind(StrEnum):
    """What a process, or one connection of it, does with the database."""

    WEB = "web"
    WORKER = "worker"
    BEAT = "beat"
    COMMAND = "command"
    MIGRATION = "migration"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; 0 means no limit. `idle` counts between two statements of one transaction."""

    statement: float
    lock: float
    idle: float

    def parameters(self) -> dict[str, str]:
        """Return them under PostgreSQL's own names."""
        return {
            "statement_timeout": _milliseconds(self.statement),
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle),
        }


# Each entry point declares its kind in code: an operator cannot forget it.
_declared = Kind.COMMAND


def declare_process(kind: Kind) -> None:
    """Say what this process is, before it opens a connection. Forked children inherit it."""
    global _declared  # noqa: PLW0603 - it is the process's, as its id is
    _declared = kind


def declared_kind() -> Kind:
    """Return what this process was declared to be; a management command or a shell if nothing."""
    return _declared


def timeouts_of(kind: Kind) -> Timeouts:
    """
    Return what the settings allow this kind.

    :raises ImproperlyConfigured: if the setting cannot be read
    """
    name, text = f"DATABASE_TIMEOUTS_{kind.name}", settings.DATABASE_TIMEOUTS[kind]
    try:
        pairs = [part.split("=", 1) for part in text.split(",")]
        seconds = {part.strip(): float(number) for part, number in pairs}
    except ValueError:
        seconds = {}
    if set(seconds) != set(_PARTS) or not all(0 <= number < 86_400 for number in seconds.values()):  # noqa: PLR2004 - a day
        raise ImproperlyConfigured(f"{name} must be seconds as in {_EXAMPLE}, not {text!r}.")
    return Timeouts(**seconds)


def check_timeouts() -> None:
    """
    Refuse timeouts under which a migration could make a sale fail.

    A statement that asks for a table's lock makes all later statements on that table wait. It must
    give up before they do.

    :raises ImproperlyConfigured: if a setting cannot be read, or a migration would wait too long
    """
    known = {kind: timeouts_of(kind) for kind in Kind}
    for kind in (Kind.WEB, Kind.WORKER):
        if not known[kind].statement:
            raise ImproperlyConfigured(
                f"DATABASE_TIMEOUTS_{kind.name} must limit statements: 0 means no limit."
            )
        patience = known[kind].lock or known[kind].statement
        if not 0 < known[Kind.MIGRATION].lock < patience:
            raise ImproperlyConfigured(
                "DATABASE_TIMEOUTS_MIGRATION must wait for a lock, and shorter than"
                f" DATABASE_TIMEOUTS_{kind.name} does."
            )


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
