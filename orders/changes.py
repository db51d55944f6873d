"""Mark an order as changed, for clients that list orders by `modified_since`."""

from datetime import datetime
from uuid import UUID

from orders.models import Order


def touch_order(*, order_id: UUID, now: datetime) -> None:
    """
    Set an order's `modified_at`, for a change in other tables that its response shows.

    It runs in the caller's transaction.
    """
    Order.objects.filter(pk=order_id).update(modified_at=now)
