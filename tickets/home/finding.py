"""Find orders and tickets by what a member types: an email, a name, or any code."""

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from events.access import within_rights
from events.roles import Right
from orders.models import Order
from orders.search import orders_named
from ticketing.addresses import can_be_mailed, tidy_address
from tickets.codes import read_ticket_id
from tickets.home.shown_events import Viewer, events_of
from tickets.models import Ticket
from tickets.ticket_codes import find_ticket_id

# More than anybody reads: the words must be more exact then.
MOST_FOUND: Final = 20
_LONGEST: Final = 300
_ORDER_CODE: Final = re.compile(r"#?([0-9A-Za-z]{4,8})")


@dataclass(frozen=True, slots=True)
class Found:
    """At most `MOST_FOUND` orders and as many tickets, and whether there are more."""

    orders: list[Order]
    tickets: list[Ticket]
    more: bool = False


def find_anything(text: str, user: Viewer) -> Found:
    """
    Return the orders and tickets that match, of those that the user has a right to see.

    A code must match exactly, and finds an order with its tickets. An email must be complete. A
    name may be a part of it. Buyers are found only with the right to see orders.
    """
    text = text.replace("\0", "").strip()[:_LONGEST]
    tickets = within_rights(
        Ticket.objects.all(),
        user,
        Right.SEE_EVENTS,
        organizer_path="event__organizer",
        event_path="event",
    )
    orders = within_rights(
        Order.objects.all(),
        user,
        Right.SEE_ORDERS,
        organizer_path="event__organizer",
        event_path="event",
    )
    if not text:
        return Found([], [])
    if ticket_id := read_ticket_id(text) or find_ticket_id(text, tickets):
        found = list(_shown(tickets.filter(pk=ticket_id)))
        return Found(list(_ordered(orders.filter(tickets__in=[t.pk for t in found]))), found)
    if (code := _ORDER_CODE.fullmatch(text)) and (by_code := _by_code(code[1], orders, tickets)):
        return by_code
    if "@" in text:
        address = tidy_address(text) if can_be_mailed(text) else text
        mailed = _ordered(orders.filter(customer_email__in={address, address.lower()}))
        return _with_tickets(list(mailed[: MOST_FOUND + 1]), tickets)
    named = orders_named(text, events_of(user, Right.SEE_ORDERS), count=MOST_FOUND + 1)
    return _with_tickets(named, tickets)


def _by_code(code: str, orders: QuerySet[Order], tickets: QuerySet[Ticket]) -> Found | None:
    """Return the order with this code and its tickets, which some members see without the order."""
    of_order = _shown(tickets.filter(order__code=code.upper(), replaced_by=None))
    found = Found(
        list(_ordered(orders.filter(code=code.upper()))),
        list(of_order.order_by("order_item_id", "position")[: MOST_FOUND + 1]),
    )
    return _bounded(found) if found.orders or found.tickets else None


def _with_tickets(found: list[Order], tickets: QuerySet[Ticket]) -> Found:
    ids: list[UUID] = [order.pk for order in found[:MOST_FOUND]]
    of_orders = _shown(tickets.filter(order__in=ids, replaced_by=None)) if ids else []
    return _bounded(Found(found, list(of_orders[: MOST_FOUND + 1])))


def _bounded(found: Found) -> Found:
    return Found(
        found.orders[:MOST_FOUND],
        found.tickets[:MOST_FOUND],
        more=max(len(found.orders), len(found.tickets)) > MOST_FOUND,
    )


def _ordered(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.select_related("event").order_by("-created_at", "-pk")


def _shown(tickets: QuerySet[Ticket]) -> Any:
    return tickets.select_related("order", "event", "ticket_type").order_by(
        "-created_at", "order_item_id", "position"
    )
