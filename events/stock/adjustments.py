"""Changes of the live stock in Redis that are not holds: capacity, returned tickets, revision."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from events.stock.holds import evaluate, keys_of
from ticketing.ids import new_id

# A command is sent twice at the most, the second time at once.
_MARK_MILLISECONDS: Final = 60_000


def raise_capacity(*, event_id: UUID, ticket_type_id: UUID, capacity: int, version: int) -> None:
    """
    Put more tickets of one type on sale at once. Out of order and twice are harmless.

    :raises InventoryUnavailable: if Redis is away; the audit repairs it
    """
    evaluate("raise", keys_of(event_id), ticket_type_id, capacity, version)


def free_tickets(*, event_id: UUID, epoch: int, quantities: Mapping[UUID, int]) -> bool:
    """
    Put tickets back on sale that were sold, as the record has them back since this epoch.

    Return whether the live stock has them now. If not, it must be read again.

    :raises InventoryUnavailable: if Redis is away; the audit repairs it
    """
    left, *_ = keys_of(event_id)
    items = [word for pair in quantities.items() for word in pair]
    keys = [left, f"{{event:{event_id}}}:freed:{new_id()}"]
    return bool(evaluate("free", keys, epoch, _MARK_MILLISECONDS, *items) == "DONE")


def announce_revision(*, event_id: UUID, revision: int) -> None:
    """
    Let all who remember an older revision of the event know that it has changed.

    :raises InventoryUnavailable: if Redis is away; what is remembered is soon forgotten anyway
    """
    evaluate("revise", keys_of(event_id), revision)
