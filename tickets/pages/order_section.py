"""What the page of an order shows about its tickets."""

from typing import Any

from django.http import HttpRequest

from orders.models import Order, OrderStatus
from orders.page_link import order_path
from ticketing.pages.sections import Place, Section, add_section
from tickets.pages.shown_tickets import has_tickets


def add_sections() -> None:
    """Add the section to the page of an order, at the start of the process."""
    add_section(Place.ORDER, Section("tickets/order_section.html", _describe, position=10))


def _describe(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    if not has_tickets(order):
        return None
    return {"path": order_path(order.pk), "is_paid": order.status == OrderStatus.PAID}
