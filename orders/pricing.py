"""Check and price the tickets of one order, without database and without Redis."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.models import Event, EventStatus, TicketType
from ticketing.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class WantedTickets:
    ticket_type_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservedTickets:
    """A quantity of one ticket type. The ticket type has the price."""

    ticket_type: TicketType
    quantity: int


class EventNotFound(NotFound):
    """There is no such event, or it is a draft, which buyers cannot see."""

    code = "not_found"
    title = "There is nothing here"


class UnknownTicketType(NotFound):
    """The event has no such ticket type."""

    code = "unknown_ticket_type"
    title = "This event does not have that ticket type"


class TicketTypeNeeded(Invalid):
    """The request has only a `quantity`, and the event has several ticket types."""

    code = "ticket_type_needed"
    title = "Say which ticket type"
    pointer = "#/items"


class EventNotOnSale(Conflict):
    """The event was cancelled, or is over."""

    code = "event_not_on_sale"
    title = "This event is not on sale"


class SalesNotStarted(Conflict):
    """The sales period of the event or of the ticket type has not started."""

    code = "sales_not_started"
    title = "Sales have not started"


class SalesEnded(Conflict):
    """The sales period of the event or of the ticket type is over."""

    code = "sales_ended"
    title = "Sales have ended"


class MaxPerOrderExceeded(Conflict):
    """The order has more tickets than the event or the ticket type allows in one order."""

    code = "max_per_order_exceeded"
    title = "Too many tickets for one order"


def price_tickets(
    *,
    event: Event,
    types: Mapping[UUID, TicketType],
    wanted: Sequence[WantedTickets] | int,
    now: datetime,
) -> list[ReservedTickets]:
    """
    Return the tickets that one order reserves, sorted by the id of their type.

    `wanted` names ticket types, or is a number of tickets if the event has only one type.

    :raises EventNotFound: if the event is a draft
    :raises EventNotOnSale, SalesNotStarted, SalesEnded: if the event or a type is not on sale now
    :raises TicketTypeNeeded: if `wanted` is a number and the event has several types
    :raises UnknownTicketType: if the event has no such type
    :raises MaxPerOrderExceeded: if one order may not have so many tickets
    """
    _check_on_sale(event, now)
    items = _price(types, wanted)
    _check_limits(event, items, now)
    return items


def total_of(items: Iterable[ReservedTickets]) -> Decimal:
    """Return the total price of the items."""
    return sum((item.quantity * item.ticket_type.price for item in items), Decimal(0))


def _check_on_sale(event: Event, now: datetime) -> None:
    if event.status == EventStatus.DRAFT:
        raise EventNotFound("No event on sale has that id or slug.")
    if event.status != EventStatus.PUBLISHED:
        raise EventNotOnSale(f"{event.name} was cancelled.")
    if event.ends_at <= now:
        raise EventNotOnSale(f"{event.name} is over.")


def _price(
    types: Mapping[UUID, TicketType], wanted: Sequence[WantedTickets] | int
) -> list[ReservedTickets]:
    if isinstance(wanted, int):
        if len(types) > 1:
            names = ", ".join(kind.name for kind in types.values())
            raise TicketTypeNeeded(f"This event has several ticket types ({names}): send `items`.")
        wanted = [WantedTickets(next(iter(types)), wanted)]
    unknown = {tickets.ticket_type_id for tickets in wanted} - types.keys()
    if unknown:
        raise UnknownTicketType(
            f"This event does not have {len(unknown)} of the ticket types in `items`. Get the ids"
            " of its types from the event."
        )
    return [
        ReservedTickets(types[tickets.ticket_type_id], tickets.quantity)
        for tickets in sorted(wanted, key=lambda tickets: tickets.ticket_type_id)
    ]


def _check_limits(event: Event, items: Sequence[ReservedTickets], now: datetime) -> None:
    total = sum(item.quantity for item in items)
    if total > event.max_per_order:
        raise MaxPerOrderExceeded(
            f"One order has {event.max_per_order} tickets at most; {total} were asked for."
        )
    _check_period(event, now)
    for item in items:
        kind = item.ticket_type
        _check_period(kind, now)
        if kind.max_per_order is not None and item.quantity > kind.max_per_order:
            raise MaxPerOrderExceeded(
                f"One order has {kind.max_per_order} of {kind.name} at most;"
                f" {item.quantity} were asked for."
            )


def _check_period(sold: Event | TicketType, now: datetime) -> None:
    if sold.sales_start_at is not None and now < sold.sales_start_at:
        raise SalesNotStarted(f"Sales of {sold.name} start at {sold.sales_start_at.isoformat()}.")
    if sold.sales_end_at is not None and now >= sold.sales_end_at:
        raise SalesEnded(f"Sales of {sold.name} ended at {sold.sales_end_at.isoformat()}.")
