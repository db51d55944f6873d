"""Pricing one order and checking its limits, without a database."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from events.models import Event, EventStatus, TicketType
from orders.pricing import (
    EventNotFound,
    EventNotOnSale,
    MaxPerOrderExceeded,
    ReservedTickets,
    SalesEnded,
    SalesNotStarted,
    TicketTypeNeeded,
    UnknownTicketType,
    WantedTickets,
    price_tickets,
    total_of,
)
from tests.moments import NOON
from ticketing.ids import new_id

A_SECOND = timedelta(seconds=1)


def event_on_sale(**fields: Any) -> Event:
    on_sale = {"name": "Jazz", "status": EventStatus.PUBLISHED, "max_per_order": 10}
    return Event(**(on_sale | {"ends_at": NOON + timedelta(days=1)} | fields))


def ticket_type(name: str = "Pista", price: str = "45.00", **fields: Any) -> TicketType:
    return TicketType(name=name, price=Decimal(price), **fields)


def price(event: Event, *kinds: TicketType, wanted: Any = 1) -> list[ReservedTickets]:
    types = {kind.pk: kind for kind in kinds}
    return price_tickets(event=event, types=types, wanted=wanted, now=NOON)


def test_a_number_of_tickets_means_tickets_of_the_only_type():
    kind = ticket_type()

    assert price(event_on_sale(), kind, wanted=3) == [ReservedTickets(kind, 3)]


def test_the_items_are_sorted_by_type_in_whatever_order_they_are_sent():
    pista, camarote = sorted(
        [ticket_type("Pista"), ticket_type("Camarote")], key=lambda kind: kind.pk
    )
    wanted = [WantedTickets(camarote.pk, 1), WantedTickets(pista.pk, 2)]

    items = price(event_on_sale(), camarote, pista, wanted=wanted)

    assert items == [ReservedTickets(pista, 2), ReservedTickets(camarote, 1)]


def test_the_total_counts_each_ticket_at_the_price_of_its_type():
    items = [
        ReservedTickets(ticket_type(price="45.00"), 2),
        ReservedTickets(ticket_type(price="0.50"), 3),
    ]

    assert total_of(items) == Decimal("91.50")
    assert total_of([]) == 0


def test_a_number_of_tickets_is_refused_if_the_event_has_several_types():
    with pytest.raises(TicketTypeNeeded, match=r"several ticket types \(Pista, Camarote\): send"):
        price(event_on_sale(), ticket_type("Pista"), ticket_type("Camarote"))


def test_a_type_of_another_event_is_unknown():
    wanted = [WantedTickets(new_id(), 1), WantedTickets(new_id(), 1)]

    with pytest.raises(UnknownTicketType, match="does not have 2 of the ticket types"):
        price(event_on_sale(), ticket_type(), wanted=wanted)


def test_a_draft_is_not_found():
    with pytest.raises(EventNotFound):
        price(event_on_sale(status=EventStatus.DRAFT), ticket_type())


def test_a_cancelled_event_is_not_on_sale():
    with pytest.raises(EventNotOnSale, match="Jazz was cancelled"):
        price(event_on_sale(status=EventStatus.CANCELLED), ticket_type())


def test_an_event_is_on_sale_until_the_moment_it_ends():
    with pytest.raises(EventNotOnSale, match="Jazz is over"):
        price(event_on_sale(ends_at=NOON), ticket_type())

    assert price(event_on_sale(ends_at=NOON + A_SECOND), ticket_type())


def test_sales_start_exactly_at_the_start_of_the_event_and_of_each_type():
    assert price(event_on_sale(sales_start_at=NOON), ticket_type(sales_start_at=NOON))

    later = NOON + A_SECOND
    with pytest.raises(SalesNotStarted, match=f"Sales of Jazz start at {later.isoformat()[:10]}"):
        price(event_on_sale(sales_start_at=later), ticket_type())
    with pytest.raises(SalesNotStarted, match="Sales of Pista start"):
        price(event_on_sale(), ticket_type(sales_start_at=later))


def test_sales_end_exactly_at_the_end_of_the_event_and_of_each_type():
    later = NOON + A_SECOND
    assert price(event_on_sale(sales_end_at=later), ticket_type(sales_end_at=later))

    with pytest.raises(SalesEnded, match="Sales of Jazz ended"):
        price(event_on_sale(sales_end_at=NOON), ticket_type())
    with pytest.raises(SalesEnded, match="Sales of Pista ended"):
        price(event_on_sale(), ticket_type(sales_end_at=NOON))


def test_the_sales_of_a_type_that_is_not_wanted_do_not_matter():
    open_type, closed = ticket_type(), ticket_type(sales_end_at=NOON)

    assert price(event_on_sale(), open_type, closed, wanted=[WantedTickets(open_type.pk, 1)])


def test_the_limit_of_the_event_counts_all_tickets_of_an_order():
    pista, camarote = ticket_type("Pista"), ticket_type("Camarote")
    event = event_on_sale(max_per_order=4)
    four = [WantedTickets(pista.pk, 2), WantedTickets(camarote.pk, 2)]
    five = [WantedTickets(pista.pk, 2), WantedTickets(camarote.pk, 3)]

    assert len(price(event, pista, camarote, wanted=four)) == 2
    with pytest.raises(MaxPerOrderExceeded, match="4 tickets at most; 5 were asked for"):
        price(event, pista, camarote, wanted=five)


def test_the_limit_of_a_type_counts_only_its_tickets():
    kind = ticket_type(max_per_order=2)

    assert price(event_on_sale(), kind, wanted=2)
    with pytest.raises(MaxPerOrderExceeded, match="2 of Pista at most; 3 were asked for"):
        price(event_on_sale(), kind, wanted=3)
