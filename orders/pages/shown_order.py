"""What the page of an order shows: its state, its tickets and sums, and its event."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from events.models import EventStatus
from events.wording import show_hour, show_money, show_start
from orders.models import OPEN_STATUSES, Order, OrderStatus
from orders.page_link import order_path
from ticketing.clock import zone_named


def state_of(order: Order, now: datetime) -> str:
    """
    Return the state of an order as its buyer understands it: its status, with two differences.

    `confirming` is a free reservation whose mailed link was not followed yet. A reservation past
    its time is `expired`, also before the cleanup has moved it.
    """
    if order.status != OrderStatus.RESERVED:
        return str(order.status)
    if order.reserved_until <= now:
        return OrderStatus.EXPIRED.value
    return "confirming" if getattr(order, "confirmation", None) else OrderStatus.RESERVED.value


def has_ended(order: Order, now: datetime) -> bool:
    """Return whether an order is neither open nor paid, also before the cleanup has moved it."""
    return order.status not in OPEN_STATUSES or state_of(order, now) == OrderStatus.EXPIRED


def is_ready(order: Order) -> bool:
    """Return whether the tickets of the order have their codes."""
    delivery = getattr(order, "delivery", None)
    return bool(delivery and delivery.codes_stored_at)


def milliseconds_until(moment: datetime, now: datetime) -> int:
    """Return how long it is until a moment, in whole milliseconds, and 0 after it."""
    return max(0, int((moment - now).total_seconds() * 1000))


def describe_order(order: Order, now: datetime) -> dict[str, Any]:
    """Return the template context of an order, in the active language."""
    event = order.event
    zone = zone_named(event.timezone)
    items = order.items.all()
    return {
        "order": order,
        "event": event,
        "organizer": event.organizer,
        "state": state_of(order, now),
        "path": order_path(order.pk),
        "start": show_start(event),
        "is_event_cancelled": event.status == EventStatus.CANCELLED,
        "items": [
            {
                "name": item.ticket_type.name,
                "quantity": item.quantity,
                "sum": show_money(item.quantity * item.full_price, order.currency),
            }
            for item in items
        ],
        "count": sum(item.quantity for item in items),
        "discount": _money_or_none(order.discount, order.currency),
        "total": show_money(order.total, order.currency),
        "refunded": _money_or_none(order.refunded, order.currency),
        "is_free": order.total == 0,
        "until": show_hour(order.reserved_until.astimezone(zone)),
        "milliseconds_left": milliseconds_until(order.reserved_until, now),
    }


def _money_or_none(amount: Decimal, currency: str) -> str | None:
    return show_money(amount, currency) if amount else None
