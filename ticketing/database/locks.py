"""
All PostgreSQL advisory locks of the system, by their numbers.

PostgreSQL identifies an advisory lock by a pair of 32-bit numbers or by one 64-bit number. The two
forms never conflict. The first number of a pair is the kind (`Lock`), the second is the object.

- Pairs: each member of `Lock`. The functions in `sql/` take some of them, by their numbers.
- One number: only `ticketing.api.idempotency`, from a digest of the caller and the key.

Never change or reuse a number: processes of two releases run side by side and must lock each other
out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, unique

from django.db import InterfaceError, OperationalError, connection


@unique
class Lock(IntEnum):
    """The first number of each pair. The comments say what the second number is."""

    # The event's number. Shared by writers of orders; exclusive for a rebuild or a cancellation.
    EVENT = 1
    # The event's number. Taken in SQL only: `announce_sold_out`.
    SOLD_OUT = 3
    # The last four bytes of the endpoint's id.
    WEBHOOK_ENDPOINT = 4
    # A hash of the counted email and the event. Taken in SQL only: `reserve_order`,
    # `owned_by_customer`.
    CUSTOMER = 5
    # A hash of the IP address's digest and the event. Taken in SQL only: `reserve_order`.
    ADDRESS = 6
    # A hash of the network's digest and the event. Taken in SQL only: `reserve_order`.
    NETWORK = 7
    # The first four bytes of the recipient's digest.
    MAIL_RECIPIENT = 8
    # Always `ALL_MIGRATIONS`.
    MIGRATION = 9


ALL_MIGRATIONS = 1


def lock_until_commit(lock: Lock, number: int) -> None:
    """Wait for an exclusive lock, and hold it until the open transaction ends."""
    _call("pg_advisory_xact_lock", lock, number)


def share_until_commit(lock: Lock, number: int) -> None:
    """Wait for a shared lock, and hold it until the open transaction ends."""
    _call("pg_advisory_xact_lock_shared", lock, number)


@contextmanager
def try_lock(*numbers: int) -> Iterator[bool]:
    """
    Try to take a lock, without waiting, for the `with` block. Yield True if we got it.

    `numbers` is a pair or one number. The lock belongs to the connection, so PostgreSQL releases it
    when the process dies.
    """
    ours = _call("pg_try_advisory_lock", *numbers)
    try:
        yield ours
    finally:
        if ours:
            try:
                _call("pg_advisory_unlock", *numbers)
            except (OperationalError, InterfaceError):
                # The connection is lost, so PostgreSQL has released the lock.
                connection.close()


def _call(function: str, *numbers: int) -> bool:
    places = ", ".join("%s" for _ in numbers)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({places})", numbers)
        (result,) = cursor.fetchone()
    return bool(result)
