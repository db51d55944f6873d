"""Figures of sales: by period, time, type and event, with and without slots."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from events.models import Event, TicketType
from orders.box_office import sell_at_box_office
from orders.cancellation import cancel_order
from orders.expiry import expire_reservations
from orders.figures import (
    Sales,
    compare_periods,
    sales_by_day,
    sales_by_time,
    sales_by_type,
)
from orders.models import Order, TicketExchange
from orders.order_figures import OrderCounts, count_orders
from orders.pricing import WantedTickets
from orders.sales_slots import OrderSlot, SalesSlot, SalesSummary
from orders.sales_summary import summarize_sales
from tests.make import (
    SOMEBODY,
    a_sale,
    make_event,
    make_paid_order,
    make_processing_order,
    make_reserved_order,
    make_ticket_type,
)
from ticketing import clock
from ticketing.ids import new_id
from tickets.models import Ticket
from tickets.refund import refund_tickets
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
# 14:05 in São Paulo.
NOW = datetime(2026, 3, 29, 17, 5, tzinfo=UTC)


def sell(kind: TicketType, *, at: datetime, quantity: int = 1) -> Order:
    """Sell tickets as if it had been at that time."""
    order = make_paid_order(ticket_type=kind, quantity=quantity)
    Order.objects.filter(pk=order.pk).update(created_at=at, paid_at=at)
    return order


def give_back(order: Order, *, at: datetime, count: int = 1) -> None:
    tickets = list(Ticket.objects.of_order(order.pk)[:count])
    refund_tickets(
        order_id=order.pk, ticket_ids=[ticket.pk for ticket in tickets], actor=SOMEBODY, now=at
    )


def everything() -> QuerySet[Event]:
    return Event.objects.all()


@pytest.fixture(params=["live", "from slots", "half and half"])
def summarized(request: pytest.FixtureRequest):
    """Return a function that writes the slots of all, of none, or of the older half."""
    until = {
        "live": None,
        "from slots": NOW + timedelta(hours=1),
        "half and half": NOW - timedelta(hours=20),
    }[request.param]

    def summarize() -> None:
        if until is not None:
            summarize_sales(now=until)

    return summarize


def test_periods_end_now_and_are_compared_with_the_same_time_before(summarized):
    kind = make_ticket_type(price="10.00")
    for hours, quantity in [(1, 1), (23, 2), (25, 3), (6 * 24, 4), (8 * 24, 5)]:
        sell(kind, at=NOW - timedelta(hours=hours), quantity=quantity)
    summarized()

    today, week = compare_periods(everything(), periods=[1, 7], now=NOW, zone=SAO_PAULO)

    # 23 hours ago was yesterday at 15:05: later in the day than it is now.
    assert today.current == {"BRL": Sales(sold=1, amount=Decimal("10.00"))}
    assert today.before == {"BRL": Sales(sold=3, amount=Decimal("30.00"))}
    assert week.current == {"BRL": Sales(sold=10, amount=Decimal("100.00"))}
    assert week.before == {"BRL": Sales(sold=5, amount=Decimal("50.00"))}


def test_a_return_counts_on_its_own_day_and_each_currency_by_itself(summarized):
    reais = make_ticket_type(price="10.00")
    euros = make_event(currency="EUR", price="7.00").ticket_types.get()
    sell(euros, at=NOW - timedelta(minutes=1))
    order = sell(reais, at=NOW - timedelta(days=3), quantity=3)
    give_back(order, at=NOW - timedelta(minutes=2), count=2)
    summarized()

    (today,) = compare_periods(everything(), periods=[1], now=NOW, zone=SAO_PAULO)

    assert today.current == {
        "BRL": Sales(returned=2, returned_amount=Decimal("20.00")),
        "EUR": Sales(sold=1, amount=Decimal("7.00")),
    }
    assert today.current["BRL"].revenue == Decimal("-20.00")
    kept = sales_by_type(everything())[reais.pk]
    assert (kept.kept, kept.revenue) == (1, Decimal("10.00"))


def test_days_begin_at_midnight_of_the_time_zone(summarized):
    kind = make_ticket_type()
    midnight = datetime(2026, 3, 29, 3, tzinfo=UTC)
    sell(kind, at=midnight - timedelta(minutes=1), quantity=2)
    sell(kind, at=midnight, quantity=3)
    summarized()

    by_day = sales_by_time(everything(), days=7, now=NOW, zone=SAO_PAULO)
    by_hour = sales_by_time(everything(), days=1, now=NOW, zone=SAO_PAULO)

    assert by_day.starts == [date(2026, 3, day) for day in range(23, 30)]
    assert by_day.series == {kind.pk: [0, 0, 0, 0, 0, 2, 3]}
    assert by_hour.starts[0] == midnight
    assert by_hour.series == {kind.pk: [3] + [0] * 23}


def test_types_beside_the_largest_are_counted_together(summarized):
    event = make_event()
    kinds = [make_ticket_type(event=event, name=f"Type {n}") for n in range(4)]
    for place, kind in enumerate(kinds):
        sell(kind, at=NOW - timedelta(hours=1 + 24 * (place % 2)), quantity=place + 1)
    summarized()

    shown = sales_by_time(everything(), days=2, now=NOW, zone=SAO_PAULO, most=2)

    assert shown.series == {kinds[3].pk: [4, 0], kinds[2].pk: [0, 3], None: [2, 1]}
    assert shown.total == 10


def test_a_type_that_sells_steadily_is_among_the_largest_though_others_lead_before_and_after():
    event = make_event()
    kinds = [make_ticket_type(event=event, name=f"Type {n}") for n in range(11)]
    before, after, steady = kinds[:5], kinds[5:10], kinds[10]
    for kind, sold in [*((kind, 3) for kind in before), (steady, 2)]:
        SalesSlot.objects.create(
            event=event,
            ticket_type=kind,
            starts_at=NOW - timedelta(hours=25),
            currency="BRL",
            sold=sold,
            amount=sold,
            returned=0,
            returned_amount=0,
        )
    SalesSummary.objects.create(written_until=NOW - timedelta(hours=1))
    wanted = [*(WantedTickets(kind.pk, 3) for kind in after), WantedTickets(steady.pk, 2)]
    sale = a_sale(steady, wanted=wanted)
    sold_now = sell_at_box_office(sale=sale, user_id=None, actor=SOMEBODY, now=clock.now())
    settle_order(order_id=sold_now, now=NOW)
    Order.objects.update(paid_at=NOW)

    shown = sales_by_time(everything(), days=2, now=NOW, zone=SAO_PAULO, most=3)

    assert shown.series[steady.pk] == [2, 2]


def test_a_day_on_which_clocks_change_has_all_its_hours():
    kind = make_ticket_type()
    berlin = ZoneInfo("Europe/Berlin")
    sell(kind, at=datetime(2026, 3, 29, 21, 30, tzinfo=UTC))

    shown = sales_by_time(everything(), days=1, now=NOW, zone=berlin)

    assert len(shown.starts) == 23
    assert shown.series == {kind.pk: [0] * 22 + [1]}


def test_figures_count_the_given_events_only(summarized):
    ours, theirs = make_ticket_type(), make_ticket_type()
    sell(ours, at=NOW - timedelta(hours=1))
    sell(theirs, at=NOW - timedelta(hours=1), quantity=5)
    summarized()

    own = Event.objects.filter(pk=ours.event_id)

    assert sales_by_time(own, days=7, now=NOW, zone=SAO_PAULO).total == 1
    assert list(sales_by_type(own)) == [ours.pk]


def test_sales_are_counted_by_the_day_of_the_time_zone_since_a_moment(summarized):
    kind = make_ticket_type(price="10.00")
    midnight = datetime(2026, 3, 28, 3, tzinfo=UTC)
    for minutes, quantity in ((-1, 1), (0, 2), (24 * 60 - 1, 3), (24 * 60, 4)):
        sell(kind, at=midnight + timedelta(minutes=minutes), quantity=quantity)
    summarized()

    days = sales_by_day(everything(), since=midnight, zone=SAO_PAULO)

    assert days == {
        (date(2026, 3, 28), kind.pk): Sales(5, Decimal("50.00")),
        (date(2026, 3, 29), kind.pk): Sales(4, Decimal("40.00")),
    }


def test_each_sale_and_return_counts_once_where_the_slots_end():
    kind = make_ticket_type(price="10.00")
    end = NOW.replace(minute=0)
    sell(kind, at=end - timedelta(minutes=15), quantity=2)
    summarize_sales(now=end + timedelta(minutes=15))
    assert SalesSummary.objects.get().written_until == end
    order = sell(kind, at=end, quantity=3)
    give_back(order, at=end)
    # A slot that is written while these figures are read.
    SalesSlot.objects.create(
        event=kind.event,
        ticket_type=kind,
        starts_at=end,
        currency="BRL",
        sold=3,
        amount=30,
        returned=1,
        returned_amount=10,
    )

    assert sales_by_type(everything()) == {kind.pk: Sales(5, Decimal(50), 1, Decimal(10))}


def exchange(order: Order, kind: TicketType, *, at: datetime, price: int) -> None:
    """Exchange the first ticket of an order as if it had been at that time."""
    item = order.items.get()
    TicketExchange.objects.create(
        pk=new_id(),
        order=order,
        order_item=item,
        position=1,
        from_type=item.ticket_type,
        to_type=kind,
        price_before=item.unit_price,
        price_after=price,
        at=at,
    )


def test_exchanges_since_the_slots_end_move_the_sale_and_those_before_are_in_the_slots():
    kind, other = make_ticket_type(price="10.00"), make_ticket_type(price="10.00")
    vip, balcony = (make_ticket_type(event=kind.event, name=name) for name in ("VIP", "Balcony"))
    end = NOW.replace(minute=0)
    SalesSummary.objects.create(written_until=end)
    first, dearer, cheaper = (sell(kind, at=end) for _ in range(3))
    exchange(first, vip, at=end - timedelta(seconds=1), price=70)
    exchange(dearer, vip, at=end, price=15)
    exchange(cheaper, balcony, at=end, price=8)
    exchange(sell(other, at=end), make_ticket_type(event=other.event, name="VIP"), at=end, price=10)
    own = Event.objects.filter(pk=kind.event_id)
    expected = {
        kind.pk: Sales(1, Decimal(10)),
        vip.pk: Sales(1, Decimal(15)),
        balcony.pk: Sales(1, Decimal(10), returned_amount=Decimal(2)),
    }

    assert sales_by_type(own) == expected
    # Both the sales and the exchanges were at that moment.
    since = sales_by_day(own, since=end, zone=SAO_PAULO)
    assert since == {(date(2026, 3, 29), kind): sales for kind, sales in expected.items()}
    later = sales_by_day(own, since=end + timedelta(seconds=1), zone=SAO_PAULO)
    assert later == {}


def test_the_orders_of_an_event_are_counted_by_how_they_went_on(summarized):
    kind = make_ticket_type()
    ends = {"expired": 2, "cancelled": 1, "declined": 1}
    earlier = NOW - timedelta(days=2)
    sell(kind, at=earlier)
    make_reserved_order(ticket_type=kind)
    declined = make_processing_order(ticket_type=kind, token="tok_declined")
    settle_order(order_id=declined.pk, now=earlier)
    cancelled = make_reserved_order(ticket_type=kind)
    cancel_order(order_id=cancelled.pk, actor=SOMEBODY, now=earlier)
    Order.objects.filter(status="reserved").update(reserved_until=clock.now() + timedelta(days=1))
    for _ in range(2):
        late = make_reserved_order(ticket_type=kind)
        Order.objects.filter(pk=late.pk).update(reserved_until=clock.now() - timedelta(days=1))
    expire_reservations(now=clock.now())
    Order.objects.update(created_at=earlier)
    Order.objects.filter(closed_at__isnull=False).update(closed_at=earlier)
    summarized()

    counts = count_orders(kind.event)

    assert counts == OrderCounts(reserved=6, paid=1, **ends)
    assert counts.open == 1


def test_each_order_counts_once_where_the_slots_end():
    kind, other = make_ticket_type(), make_ticket_type()
    end = NOW.replace(minute=0)
    SalesSummary.objects.create(written_until=end)
    written = {"reserved": 9, "paid": 3, "expired": 2, "cancelled": 1, "declined": 1}
    # The second slot is written while these figures are read.
    for event, at in ((kind.event, -15), (kind.event, 0), (other.event, -15)):
        OrderSlot.objects.create(event=event, starts_at=end + timedelta(minutes=at), **written)
    sell(kind, at=end)
    for status in ("expired", "expired", "cancelled", "payment_failed"):
        ended = make_reserved_order(ticket_type=kind)
        Order.objects.filter(pk=ended.pk).update(status=status, created_at=end, closed_at=end)

    counts = count_orders(kind.event)

    assert counts == OrderCounts(reserved=14, paid=4, expired=4, cancelled=2, declined=2)
    assert counts.open == 2


def test_two_runs_of_the_summary_write_each_sale_once():
    kind = make_ticket_type()
    sell(kind, at=NOW - timedelta(days=2))

    first = summarize_sales(now=NOW)
    second = summarize_sales(now=NOW)

    assert (first, second) == (2, 0)
    assert SalesSlot.objects.get().sold == 1


def test_the_summary_leaves_the_last_quarters_to_sales_that_are_still_being_written():
    kind = make_ticket_type()
    sell(kind, at=NOW - timedelta(minutes=20))
    summarize_sales(now=NOW)

    # 17:05 less a quarter is 16:50, in the slot that began at 16:45.
    assert SalesSummary.objects.get().written_until == datetime(2026, 3, 29, 16, 45, tzinfo=UTC)
    sell(kind, at=NOW - timedelta(minutes=16))

    assert sales_by_type(everything())[kind.pk].sold == 2


def test_figures_cost_the_same_with_many_sales():
    kind = make_ticket_type()
    counts = []
    for quantity in (1, 4):
        for hour in range(quantity):
            sell(kind, at=NOW - timedelta(hours=hour))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            compare_periods(everything(), periods=[1, 7, 30], now=NOW, zone=SAO_PAULO)
            sales_by_time(everything(), days=30, now=NOW, zone=SAO_PAULO)
        counts.append(len(queries))

    assert counts == [15, 15]
