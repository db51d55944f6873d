"""Find orders and tickets by what people type: an email, a name, an order's or a ticket's code."""

import re
from typing import Any, Final

from django.db.models import Q, QuerySet

from orders.models import Order
from ticketing.addresses import can_be_mailed, tidy_address
from tickets.codes import read_ticket_id
from tickets.models import Ticket
from tickets.ticket_codes import find_ticket_id, parse_readable_code

# A search by a part of a name returns the newest rows only, so that it stays quick.
MOST_FOUND: Final = 500
_ORDER_CODE: Final = re.compile(r"#?([0-9A-Za-z]{4,8})")


def find_orders(orders: QuerySet[Any], words: str) -> QuerySet[Any]:
    """Return those of the orders that match. A ticket's code finds the ticket's order."""
    words = _tidy(words)
    if ticket_id := read_ticket_id(words):
        return orders.filter(pk__in=Ticket.objects.filter(pk=ticket_id).values("order_id"))
    if readable := parse_readable_code(words):
        return orders.filter(code=readable[0])
    if "@" in words:
        return orders.filter(customer_email__in=_spellings(words))
    named = _newest(orders.filter(_has_all_words("customer_name", words)).order_by("-created_at"))
    if code := _ORDER_CODE.fullmatch(words):
        return orders.filter(Q(code=code[1].upper()) | Q(pk__in=named))
    return orders.filter(pk__in=named)


def find_tickets(
    tickets: QuerySet[Any], words: str, *, by_email: QuerySet[Any] | None = None
) -> QuerySet[Any]:
    """
    Return those of the tickets that match.

    `by_email` are the tickets whose buyers' addresses the user may know. None: no tickets.
    """
    words = _tidy(words)
    if ticket_id := read_ticket_id(words):
        return tickets.filter(pk=ticket_id)
    if parse_readable_code(words):
        return tickets.filter(pk=find_ticket_id(words, tickets))
    if "@" in words:
        known = tickets.none() if by_email is None else by_email
        orders = Order.objects.filter(customer_email__in=_spellings(words))
        return known.filter(order__in=orders)
    named = _newest(tickets.filter(_has_all_words("holder_name", words)).order_by("-created_at"))
    if code := _ORDER_CODE.fullmatch(words):
        return tickets.filter(Q(order__code=code[1].upper()) | Q(pk__in=named))
    return tickets.filter(pk__in=named)


def _tidy(words: str) -> str:
    return " ".join(words.replace("\0", "").split())


def _spellings(address: str) -> set[str]:
    """Return the address as it was typed and as orders store it."""
    return {address, tidy_address(address)} if can_be_mailed(address) else {address}


def _has_all_words(field: str, words: str) -> Q:
    condition = Q()
    for word in words.split():
        condition &= Q(**{f"{field}__icontains": word})
    return condition


def _newest(rows: QuerySet[Any]) -> list[Any]:
    return list(rows.values_list("pk", flat=True)[:MOST_FOUND])
