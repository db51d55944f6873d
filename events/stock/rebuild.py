"""Rebuilding the stock of an event in Redis from the record in PostgreSQL."""

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
    Begin a new epoch of an event's stock, and write the stock from PostgreSQL to Redis.

    With `seen`, do nothing if another process has begun a newer epoch than `seen`.

    :raises InventoryUnavailable: if Redis is unavailable, or lost the written keys three times
    """
    for _attempt in range(_TRIES):
        stock = begin_epoch(event_id=event_id, seen=seen)
        if stock is None or publish_stock(event_id=event_id, stock=stock):
            return
        seen = None
    raise InventoryUnavailable("Redis lost the stock while it was written. Try again shortly.")


def try_to_rebuild_stock(*, event_id: UUID) -> None:
    """Rebuild the stock. If Redis is unavailable, the next request for the event rebuilds it."""
    try:
        rebuild_stock(event_id=event_id)
    except InventoryUnavailable:
        logger.warning("The stock of event %s was not rebuilt: Redis is unavailable.", event_id)


def sell_again(*, event_id: UUID, epoch: int, quantities: Mapping[UUID, int]) -> None:
    """
    Add returned tickets to the stock in Redis, after the commit that returned them.

    `epoch` is the epoch in which PostgreSQL counted them as returned. Sales go on meanwhile. If
    Redis is unavailable, the audit or the next rebuild adds them.
    """
    try:
        if not free_tickets(event_id=event_id, epoch=epoch, quantities=quantities):
            rebuild_stock(event_id=event_id, seen=epoch)
    except InventoryUnavailable:
        logger.warning(
            "Returned tickets of event %s were not put on sale: Redis is unavailable.", event_id
        )
