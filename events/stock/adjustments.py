"""Changes of the stock in Redis that are not holds: capacity, returned tickets, revision."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from events.stock.holds import evaluate, keys_of
from ticketing.ids import new_id

# The mark makes a repeated command harmless. The Redis client repeats a failed command at once, so
# a minute is long enough.
_MARK_MILLISECONDS: Final = 60_000


def raise_capacity(*, event_id: UUID, ticket_type_id: UUID, capacity: int, version: int) -> None:
    """
    Raise the capacity of a ticket type in Redis, or add a new type.

    A repeated or an older `version` changes nothing.

    :raises InventoryUnavailable: if Redis is unavailable; the audit repairs the stock later
    """
    evaluate("raise", keys_of(event_id), ticket_type_id, capacity, version)


def free_tickets(*, event_id: UUID, epoch: int, quantities: Mapping[UUID, int]) -> bool:
    """
    Add returned tickets to the stock in Redis.

    `epoch` is the epoch in which PostgreSQL counted them as returned. Return whether the stock in
    Redis has them now. If not, the caller must rebuild the stock.

    :raises InventoryUnavailable: if Redis is unavailable; the audit repairs the stock later
    """
    left, *_ = keys_of(event_id)
    items = [word for pair in quantities.items() for word in pair]
    keys = [left, f"{{event:{event_id}}}:freed:{new_id()}"]
    return bool(evaluate("free", keys, epoch, _MARK_MILLISECONDS, *items) == "DONE")


def announce_revision(*, event_id: UUID, revision: int) -> None:
    """
    Write the new revision of an event to Redis, so that all processes refresh their cached copies.

    :raises InventoryUnavailable: if Redis is unavailable; cached copies then expire within seconds
    """
    evaluate("revise", keys_of(event_id), revision)
