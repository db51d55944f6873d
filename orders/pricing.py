"""Check and price the tickets of one order, without database and without Redis."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.models import Event, EventStatus, TicketType
from orders.promo_terms import PromoTerms, check_promo_period, check_promo_tickets
from ticketing.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class WantedTickets:
    ticket_type_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class ReservedTickets:
    """A quantity of one ticket type. The ticket type has the list price."""

    ticket_type: TicketType
    quantity: int
    # What a promo code takes off the price of each ticket.
    discount: Decimal = Decimal(0)

    @property
    def unit_price(self) -> Decimal:
        """Return the price of one ticket, as the buyer pays it."""
        return self.ticket_type.price - self.discount


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
    promo: PromoTerms | None = None,
) -> list[ReservedTickets]:
    """
    Return the tickets that one order reserves, sorted by the id of their type.

    `wanted` names ticket types, or is a number of tickets if the event has only one type that the
    buyer may reserve. A hidden type may be reserved only with a promo code that unlocks it.

    :raises EventNotFound: if the event is a draft
    :raises EventNotOnSale, SalesNotStarted, SalesEnded: if the event or a type is not on sale now
    :raises TicketTypeNeeded: if `wanted` is a number and the buyer may choose between several types
    :raises UnknownTicketType: if the event has no such type, or it is hidden
    :raises MaxPerOrderExceeded: if one order may not have so many tickets
    :raises PromoCodeNotStarted, PromoCodeExpired: if the promo code is not valid now
    :raises PromoCodeNotApplicable: if the promo code is for none of the tickets
    :raises PromoCodeNeedsOtherQuantity: if it is for fewer or more tickets
    """
    check_on_sale(event, now)
    if promo is not None:
        check_promo_period(promo, now)
    items = _price(offered_types(types, promo), wanted, promo)
    _check_limits(event, items, now)
    if promo is not None:
        check_promo_tickets(promo, {item.ticket_type.pk: item.quantity for item in items})
    return items


def total_of(items: Iterable[ReservedTickets]) -> Decimal:
    """Return the total price of the items, less their discounts."""
    return sum((item.quantity * item.unit_price for item in items), Decimal(0))


def discount_of(items: Iterable[ReservedTickets]) -> Decimal:
    """Return the sum of the discounts of the items."""
    return sum((item.quantity * item.discount for item in items), Decimal(0))


def offered_types(
    types: Mapping[UUID, TicketType], promo: PromoTerms | None
) -> dict[UUID, TicketType]:
    """Return the ticket types that a buyer may see and reserve."""
    unlocked = promo.unlocked_types if promo is not None else frozenset()
    return {
        kind_id: kind
        for kind_id, kind in types.items()
        if not kind.is_hidden or kind_id in unlocked
    }


def check_on_sale(event: Event, now: datetime) -> None:
    """
    Check that an event is published and not over.

    :raises EventNotFound: if the event is a draft
    :raises EventNotOnSale: if it was cancelled, or is over
    """
    if event.status == EventStatus.DRAFT:
        raise EventNotFound("No event on sale has that id or slug.")
    if event.status != EventStatus.PUBLISHED:
        raise EventNotOnSale(f"{event.name} was cancelled.")
    if event.ends_at <= now:
        raise EventNotOnSale(f"{event.name} is over.")


def _price(
    types: Mapping[UUID, TicketType],
    wanted: Sequence[WantedTickets] | int,
    promo: PromoTerms | None,
) -> list[ReservedTickets]:
    if isinstance(wanted, int):
        if not types:
            raise UnknownTicketType(
                "Tickets of this event need a promo code: send the code in `promo_code`."
            )
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
        _discounted(types[tickets.ticket_type_id], tickets.quantity, promo)
        for tickets in sorted(wanted, key=lambda tickets: tickets.ticket_type_id)
    ]


def _discounted(kind: TicketType, quantity: int, promo: PromoTerms | None) -> ReservedTickets:
    if promo is None:
        return ReservedTickets(kind, quantity)
    return ReservedTickets(kind, quantity, promo.discount_on(kind))


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
