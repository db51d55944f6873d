"""The states of sales: of an event, and of a ticket type."""

from datetime import datetime

from events.models import Event, EventStatus, TicketType


def state_of_event(event: Event, now: datetime) -> str:
    """Return `cancelled`, `over`, `not_started`, `ended` (its sales), or `on_sale`."""
    if event.status == EventStatus.CANCELLED:
        return "cancelled"
    if event.ends_at <= now:
        return "over"
    return state_of_sales(event, now)


def state_of_sales(sold: Event | TicketType, now: datetime) -> str:
    """Return `not_started`, `ended` or `on_sale`, by the sales period of an event or a type."""
    if sold.sales_start_at is not None and now < sold.sales_start_at:
        return "not_started"
    if sold.sales_end_at is not None and now >= sold.sales_end_at:
        return "ended"
    return "on_sale"
