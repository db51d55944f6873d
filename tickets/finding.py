"""Find orders and tickets by what people type: an email, a name, an order's or a ticket's code."""

import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from orders.models import Order
from orders.search import newest_named
from ticketing.addresses import can_be_mailed, tidy_address
from tickets.codes import read_ticket_id
from tickets.models import Ticket, Transfer
from tickets.ticket_codes import find_ticket_id, parse_readable_code

# Of a search across orders and tickets: more than anybody reads.
MOST_FOUND: Final = 20
# A search of a list by a part of a name returns the newest rows only, so that it stays quick.
_MOST_NAMED: Final = 500
# The text of a QR code is shorter.
_LONGEST: Final = 300
_ORDER_CODE: Final = re.compile(r"#?([0-9A-Za-z]{4,8})")


@dataclass(frozen=True, slots=True)
class Found:
    """At most `MOST_FOUND` orders and as many tickets, and whether there are more."""

    orders: list[Order]
    tickets: list[Ticket]
    more: bool = False


def find_anything(words: str, *, orders: QuerySet[Order], tickets: QuerySet[Ticket]) -> Found:
    """
    Return the orders and the tickets that match, each newest first.

    An order comes with its tickets, and a ticket that is found by its code with its order. A code
    must match exactly, an email must be complete (the buyer's, or that of a person who accepted a
    ticket from the buyer), and a name may be a part of the buyer's or of the holder's. `orders` and
    `tickets` are those that the user may see. The tickets of buyers are found by email only with
    the right to see their orders.
    """
    words = _tidy(words)
    if not words:
        return Found([], [])
    found = list(_newest_orders(find_orders(orders, words, most=MOST_FOUND + 1)))
    of_found = Q(order__in=[order.pk for order in found[:MOST_FOUND]], replaced_by=None)
    if read_ticket_id(words) or parse_readable_code(words):
        matching = find_tickets(tickets, words)
    elif "@" in words:
        matching = tickets.filter(of_found)
    else:
        by_name = find_tickets(tickets, words, most=MOST_FOUND + 1).filter(replaced_by=None)
        ids = list(by_name.values_list("pk", flat=True)[: MOST_FOUND + 1])
        matching = tickets.filter(of_found | Q(pk__in=ids))
    shown = list(_newest_tickets(matching))
    return Found(
        found[:MOST_FOUND],
        shown[:MOST_FOUND],
        more=max(len(found), len(shown)) > MOST_FOUND,
    )


def find_orders(orders: QuerySet[Any], words: str, *, most: int = _MOST_NAMED) -> QuerySet[Any]:
    """
    Return those of the orders that match. A ticket's code finds the ticket's order.

    By a part of the buyer's name, only the newest `most` are found.
    """
    words = _tidy(words)
    if ticket_id := read_ticket_id(words):
        return orders.filter(pk__in=Ticket.objects.filter(pk=ticket_id).values("order_id"))
    if parse_readable_code(words):
        return orders.filter(tickets=find_ticket_id(words, Ticket.objects.all()))
    if "@" in words:
        received = [order_id for _ticket_id, order_id in _received_at(words)]
        return orders.filter(Q(customer_email__in=_spellings(words)) | Q(pk__in=received))
    named = newest_named(orders, "customer_name", words.split(), count=most)
    if code := _ORDER_CODE.fullmatch(words):
        return orders.filter(Q(code=code[1].upper()) | Q(pk__in=named))
    return orders.filter(pk__in=named)


def find_tickets(
    tickets: QuerySet[Any],
    words: str,
    *,
    by_email: QuerySet[Any] | None = None,
    most: int = _MOST_NAMED,
) -> QuerySet[Any]:
    """
    Return those of the tickets that match.

    `by_email` are the tickets whose buyers' and holders' addresses the user may know. None: no
    tickets. By a part of the holder's name, only the newest `most` are found.
    """
    words = _tidy(words)
    if ticket_id := read_ticket_id(words):
        return tickets.filter(pk=ticket_id)
    if parse_readable_code(words):
        return tickets.filter(pk=find_ticket_id(words, tickets))
    if "@" in words:
        known = tickets.none() if by_email is None else by_email
        orders = Order.objects.filter(customer_email__in=_spellings(words))
        received = [ticket_id for ticket_id, _order_id in _received_at(words)]
        return known.filter(Q(order__in=orders) | Q(pk__in=received))
    named = newest_named(tickets, "holder_name", words.split(), count=most)
    if code := _ORDER_CODE.fullmatch(words):
        return tickets.filter(Q(order__code=code[1].upper()) | Q(pk__in=named))
    return tickets.filter(pk__in=named)


def _tidy(words: str) -> str:
    words = words.replace("\0", "").strip()
    # The text of a QR code may have two spaces in a row.
    return words if read_ticket_id(words) else " ".join(words.split())[:_LONGEST]


def _received_at(address: str) -> list[tuple[UUID, UUID]]:
    """Return the newest tickets that were transferred to an address, each with its order's id."""
    accepted = Transfer.objects.filter(email__in=_spellings(address), accepted_at__isnull=False)
    newest = accepted.order_by("-created_at").values_list("pk", "ticket__order_id")[:_MOST_NAMED]
    of_order = dict(newest)
    # By their orders, of which an index knows the tickets.
    received = Ticket.objects.filter(order__in=set(of_order.values()), replaced_by=None)
    return list(received.filter(transfer__in=of_order).values_list("pk", "order_id"))


def _spellings(address: str) -> set[str]:
    """Return the address as it was typed and as orders store it."""
    return {address, tidy_address(address)} if can_be_mailed(address) else {address}


def _newest_orders(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.select_related("event").order_by("-created_at", "-pk")[: MOST_FOUND + 1]


def _newest_tickets(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    shown = tickets.select_related("order", "event", "ticket_type")
    return shown.order_by("-created_at", "order_item_id", "position")[: MOST_FOUND + 1]
