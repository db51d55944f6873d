"""
All advisory locks that we take in PostgreSQL, by their numbers.

PostgreSQL has two spaces of them that never meet: a lock is named by a pair of 32-bit numbers, or
by one 64-bit number. In a pair the first number says what is locked (`Lock`), the second which one.

- Pairs: each member of `Lock`. The functions in `sql/` take some of them, by their numbers.
- One number: only `ticketing.api.idempotency`, by a digest of the caller and the key.

A number never changes its meaning and is never reused: the processes of two releases run side by
side and must lock each other out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, unique

from django.db import InterfaceError, OperationalError, connection


@unique
class Lock(IntEnum):
    """The first number of a pair, with what the second one is."""

    # The event's number. Shared by writers of orders; exclusive for a rebuild or a cancellation.
    EVENT = 1
    # The event's number. In SQL alone: `announce_sold_out`.
    SOLD_OUT = 3
    # From the end of the endpoint's id.
    WEBHOOK_ENDPOINT = 4
    # A hash of the counted email and the event. In SQL alone: `reserve_order`, `owned_by_customer`.
    CUSTOMER = 5
    # A hash of the address's digest and the event. In SQL alone: `reserve_order`.
    ADDRESS = 6
    # A hash of the network's digest and the event. In SQL alone: `reserve_order`.
    NETWORK = 7
    # From the start of the recipient's digest.
    MAIL_RECIPIENT = 8
    # Always `ALL_MIGRATIONS`.
    MIGRATION = 9


ALL_MIGRATIONS = 1


def lock_until_commit(lock: Lock, number: int) -> None:
    """Wait for a lock and hold it until the open transaction ends."""
    _ask("pg_advisory_xact_lock", lock, number)


def share_until_commit(lock: Lock, number: int) -> None:
    """Wait while another transaction has the lock for itself, and share it until ours ends."""
    _ask("pg_advisory_xact_lock_shared", lock, number)


@contextmanager
def alone(*numbers: int) -> Iterator[bool]:
    """
    Take the lock of a pair or of one number if it is free, and say whether we have it.

    The lock belongs to the connection, so PostgreSQL drops it when the process dies.
    """
    ours = _ask("pg_try_advisory_lock", *numbers)
    try:
        yield ours
    finally:
        if ours:
            try:
                _ask("pg_advisory_unlock", *numbers)
            except (OperationalError, InterfaceError):
                # The connection is gone, and its locks with it.
                connection.close()


def _ask(function: str, *numbers: int) -> bool:
    places = ", ".join("%s" for _ in numbers)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({places})", numbers)
        (answer,) = cursor.fetchone()
    return bool(answer)
