"""Filling Redis again from the record."""

import logging
from collections.abc import Mapping
from uuid import UUID

from events.stock.adjustments import free_tickets
from events.stock.holds import InventoryUnavailable
from events.stock.record import begin_epoch
from events.stock.staging import publish_stock

logger = logging.getLogger(__name__)

_TRIES = 3


def rebuild_stock(*, event_id: UUID, seen: int | None = None) -> None:
    """
    Write an event's stock to Redis as PostgreSQL has it, in a new epoch.

    With `seen`, leave it to whoever has begun a newer epoch since.

    :raises InventoryUnavailable: if Redis is away, or keeps losing what we write
    """
    for _attempt in range(_TRIES):
        stock = begin_epoch(event_id=event_id, seen=seen)
        if stock is None or publish_stock(event_id=event_id, stock=stock):
            return
        seen = None
    raise InventoryUnavailable("Redis keeps losing the stock.")


def try_to_rebuild_stock(*, event_id: UUID) -> None:
    """Rebuild if Redis is there. If not, the next buyer's visit rebuilds."""
    try:
        rebuild_stock(event_id=event_id)
    except InventoryUnavailable:
        logger.warning("The stock of event %s waits for Redis.", event_id)


def sell_again(*, event_id: UUID, epoch: int, quantities: Mapping[UUID, int]) -> None:
    """
    Put tickets on sale that the record has back since this epoch, if Redis is there.

    Sales go on meanwhile. If Redis is not there, the audit or the next rebuild finds them.
    """
    try:
        if not free_tickets(event_id=event_id, epoch=epoch, quantities=quantities):
            rebuild_stock(event_id=event_id, seen=epoch)
    except InventoryUnavailable:
        logger.warning("Returned tickets of event %s wait for Redis.", event_id)
