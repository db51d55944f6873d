"""Is it on sale, at which price, and within which limits? Pure: nothing is read or written."""

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
    """So many of one type, at the type's price of now."""

    ticket_type: TicketType
    quantity: int


class EventNotFound(NotFound):
    """There is no such event for this caller."""

    code = "not_found"
    title = "There is nothing here"


class UnknownTicketType(NotFound):
    """The event does not sell that."""

    code = "unknown_ticket_type"
    title = "This event does not sell that ticket"


class TicketTypeNeeded(Invalid):
    """`quantity` alone does not say which of several types is meant."""

    code = "ticket_type_needed"
    title = "Say which ticket type"
    pointer = "#/items"


class EventNotOnSale(Conflict):
    """Draft, cancelled or over."""

    code = "event_not_on_sale"
    title = "This event is not on sale"


class SalesNotStarted(Conflict):
    """Too early."""

    code = "sales_not_started"
    title = "Sales have not started"


class SalesEnded(Conflict):
    """Too late."""

    code = "sales_ended"
    title = "Sales have ended"


class MaxPerOrderExceeded(Conflict):
    """More than the organizer sells to one order."""

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
    Return what one order reserves, each type at its price, in a fixed order of types.

    `wanted` names ticket types, or is a number of tickets to an event with one type.

    :raises EventNotFound: if the event is a draft
    :raises EventNotOnSale, SalesNotStarted, SalesEnded: if it does not sell now
    :raises TicketTypeNeeded: if a number is wanted and the event has several types
    :raises UnknownTicketType: if a wanted type is not sold at this event
    :raises MaxPerOrderExceeded: if it is more than one order may have
    """
    _check_on_sale(event, now)
    items = _price(types, wanted)
    _check_limits(event, items, now)
    return items


def total_of(items: Iterable[ReservedTickets]) -> Decimal:
    """Return what the items cost together."""
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
            raise TicketTypeNeeded(f"This event has several types ({names}): send `items`.")
        wanted = [WantedTickets(next(iter(types)), wanted)]
    unknown = {tickets.ticket_type_id for tickets in wanted} - types.keys()
    if unknown:
        raise UnknownTicketType(f"{len(unknown)} of the ticket types asked for.")
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
