"""The legal changes of an order's status, and the only functions that make them."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from orders.models import Order, OrderStatus

LEGAL_MOVES: Final = {
    OrderStatus.RESERVED: {OrderStatus.PROCESSING, OrderStatus.EXPIRED, OrderStatus.CANCELLED},
    OrderStatus.PROCESSING: {OrderStatus.PAID, OrderStatus.PAYMENT_FAILED},
    OrderStatus.PAID: {OrderStatus.REFUNDED},
}


def move_order(
    order_id: UUID,
    *,
    was: OrderStatus,
    becomes: OrderStatus,
    only_if: Q | None = None,
    **moments: Any,
) -> bool:
    """
    Move an order from one status to another. Return whether this call moved it.

    One conditional UPDATE decides every race, such as a payment against expiry, or a message
    against its repeat. If it returns False, the caller must undo what it has done.
    """
    return bool(move_orders([order_id], was=was, becomes=becomes, only_if=only_if, **moments))


def move_orders(
    order_ids: Collection[UUID],
    *,
    was: OrderStatus,
    becomes: OrderStatus,
    only_if: Q | None = None,
    **moments: Any,
) -> int:
    """
    Move those of several orders that have the status `was`. Return how many moved.

    `moments` are columns to set with the status, such as `paid_at=now`.
    A condition in `only_if` must be on the order's own columns: PostgreSQL checks those again after
    waiting for a row's lock. For a condition through a relation, Django selects the orders in a
    subquery, which PostgreSQL does not repeat.
    """
    if becomes not in LEGAL_MOVES.get(was, set()):
        raise ValueError(f"An order cannot move from {was} to {becomes}.")
    orders = Order.objects.filter(only_if or Q(), pk__in=order_ids, status=was)
    return orders.update(status=becomes, **moments)
