"""What the page of an order shows about its tickets."""

from typing import Any

from django.http import HttpRequest

from events.handing_on import may_be_transferred
from events.models import EventStatus
from orders.models import Order, OrderStatus
from orders.page_link import order_path
from ticketing import clock
from ticketing.pages.sections import Place, Section, add_section
from tickets.pages.giving_back import say_until
from tickets.pages.naming import NAMES_SECTION
from tickets.pages.shown_tickets import has_tickets
from tickets.refund_requests import offer_refund, open_request


def add_sections() -> None:
    """Add the sections to the page of an order, at the start of the process."""
    add_section(Place.ORDER, Section("tickets/order_section.html", _describe, position=10))
    add_section(Place.ORDER, NAMES_SECTION)
    add_section(Place.ORDER, Section("tickets/refund_section.html", _describe_refund, position=80))


def _describe(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    if not has_tickets(order):
        return None
    is_on = order.event.status == EventStatus.PUBLISHED
    is_paid = order.status == OrderStatus.PAID
    return {
        "path": order_path(order.pk),
        "admits": is_on and is_paid,
        "can_transfer": is_paid and may_be_transferred(order.event, now=clock.now()),
    }


def _describe_refund(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    if order.status != OrderStatus.PAID:
        return None
    offer, is_open = offer_refund(order, now=clock.now()), open_request(order) is not None
    if offer is None and not is_open:
        return None
    return {
        "path": order_path(order.pk),
        "organizer": order.event.organizer.name,
        "is_open": is_open,
        "until": say_until(offer, order) if offer else "",
    }
