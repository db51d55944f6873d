"""The sales of whole days: which quarters of an hour belong to a day of a time zone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from events.models import Event, TicketType
from orders.figures_of_days import SalesOfEvent, end_of_day, figures_are_complete, sales_of_days
from orders.sales_slots import OrderSlot, SalesSlot, SalesSummary
from tests.make import make_event, make_ticket_type

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("America/Sao_Paulo")
DAY = date(2027, 3, 10)
# Three hours behind UTC.
START, END = datetime(2027, 3, 10, 3, tzinfo=UTC), datetime(2027, 3, 11, 3, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def sell(kind: TicketType, at: datetime, *, sold: int, returned: int = 0) -> None:
    SalesSlot.objects.create(
        event=kind.event,
        ticket_type=kind,
        starts_at=at,
        currency="BRL",
        sold=sold,
        amount=10 * sold,
        returned=returned,
        returned_amount=10 * returned,
    )
    OrderSlot.objects.get_or_create(event=kind.event, starts_at=at, defaults={"paid": 1})


def sales(*events: Event, first: date = DAY) -> list[SalesOfEvent]:
    wanted = Event.objects.filter(pk__in=[event.pk for event in events])
    return sales_of_days(wanted, first=first, last=DAY, zone=ZONE)


def test_a_day_ends_at_midnight_of_its_time_zone():
    assert end_of_day(DAY, ZONE) == END


def test_a_day_has_the_quarters_from_midnight_to_midnight():
    kind = make_ticket_type()
    for at, sold in ((START - QUARTER, 1), (START, 2), (END - QUARTER, 4), (END, 8)):
        sell(kind, at, sold=sold, returned=sold)

    (day,) = sales(kind.event)
    (both,) = sales(kind.event, first=DAY - timedelta(days=1))

    assert day == SalesOfEvent(
        kind.event.name, "BRL", 2, 6, Decimal(60), returned=6, returned_amount=Decimal(60)
    )
    assert (both.orders, both.sold) == (3, 7)


def test_only_the_wanted_events_are_there_and_the_largest_comes_first():
    small, large, other = (make_event(name=name) for name in ("Small", "Large", "Other"))
    for event, sold in ((small, 1), (large, 3), (other, 2)):
        for kind in (event.ticket_types.get(), make_ticket_type(event=event, name="Balcony")):
            sell(kind, START, sold=sold)

    found = sales(small, large)

    assert [(day.event_name, day.orders, day.sold) for day in found] == [
        ("Large", 1, 6),
        ("Small", 1, 2),
    ]


def test_figures_are_complete_when_all_slots_before_the_moment_are_written():
    assert not figures_are_complete(until=END)
    SalesSummary.objects.create(written_until=END)

    assert figures_are_complete(until=END)
    assert not figures_are_complete(until=END + QUARTER)
