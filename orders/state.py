"""The life of an order: the legal moves, and the only code that makes one."""

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
    Move an order from one status to the next. Return whether we were the one who did.

    One conditional UPDATE decides every race: payment against expiry, a message
    against its repeat. Whoever loses undoes what it did, or has nothing to do.
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
    Move those of several orders that still are what they were. Return how many moved.

    `only_if` looks at the order's own columns. Through a relation Django would look for the orders
    first and update what it found: after a wait for the row, nobody would look again.
    """
    if becomes not in LEGAL_MOVES.get(was, set()):
        raise ValueError(f"An order that is {was} does not become {becomes}.")
    orders = Order.objects.filter(only_if or Q(), pk__in=order_ids, status=was)
    return orders.update(status=becomes, **moments)
