"""The code of a ticket that people read aloud: its order's code and its number, as `YD8X2B-1`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from tickets.models import Ticket

# An order's code, then the number. Phones put long dashes and spaces between them.
_READABLE: Final = re.compile(
    r"#?([0-9A-Z]{4,8})\s*[-\u2010-\u2015\u2212\s./]\s*#?0{0,3}([1-9][0-9]{0,4})", re.IGNORECASE
)


def readable_code(order_code: str, number: int) -> str:
    """Return the code of an order's ticket that people read aloud."""
    return f"{order_code}-{number}"


def parse_readable_code(text: str) -> tuple[str, int] | None:
    """Return the order's code and the ticket's number, or None if the text is no such code."""
    found = _READABLE.fullmatch(text.strip())
    return (found[1].upper(), int(found[2])) if found else None


def number_tickets(tickets: Sequence[Ticket]) -> dict[UUID, int]:
    """
    Return the number of each ticket, by its id. `tickets` are all of one order: `of_order`.

    The stored number counts. Tickets of the previous release have none: they get the numbers that
    are free, in their order. So a replacement by that release keeps the number of its place.
    """
    taken = {ticket.number for ticket in tickets}
    free = (number for number in range(1, len(tickets) + len(taken) + 1) if number not in taken)
    return {ticket.pk: next(free) if ticket.number is None else ticket.number for ticket in tickets}


def readable_codes(tickets: Iterable[Ticket]) -> dict[UUID, str]:
    """Return the code of each ticket, by its id. `order` is loaded; replaced ones have none."""
    shown = {ticket.pk: ticket for ticket in tickets if ticket.replaced_by_id is None}
    unknown = {ticket.order_id for ticket in shown.values() if ticket.number is None}
    numbers = {pk: ticket.number for pk, ticket in shown.items() if ticket.number is not None}
    of_orders: dict[UUID, list[Ticket]] = defaultdict(list)
    if unknown:
        others = Ticket.objects.filter(order_id__in=unknown, replaced_by=None)
        for ticket in others.order_by("order_id", "order_item_id", "position"):
            of_orders[ticket.order_id].append(ticket)
    for of_order in of_orders.values():
        numbers |= number_tickets(of_order)
    return {
        pk: readable_code(ticket.order.code, numbers[pk])
        for pk, ticket in shown.items()
        if pk in numbers
    }


def find_ticket_id(text: str, tickets: QuerySet[Ticket]) -> UUID | None:
    """Return the id of the ticket with this readable code, if it is one of `tickets`."""
    wanted = parse_readable_code(text)
    if wanted is None:
        return None
    order_code, number = wanted
    of_order = Ticket.objects.filter(order__code=order_code, replaced_by=None)
    numbers = number_tickets(list(of_order.order_by("order_item_id", "position")))
    found = next((pk for pk, known in numbers.items() if known == number), None)
    return found if found and tickets.filter(pk=found).exists() else None
