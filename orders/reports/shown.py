"""The rows of the financial report, as its page shows them."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from events.models import Event, TicketType
from orders.figures import Sales, sales_by_day
from orders.ledger import Balance, EventBalance, MethodBalance
from orders.reports.discounts import CodeDiscount
from orders.reports.ledger_rows import method_name
from orders.reports.period import Period
from ticketing.money import format_money


@dataclass(frozen=True, slots=True)
class ShownBalance:
    charges: str
    refunds: str
    fees: str
    # "" if nothing was sold for cash.
    cash: str
    payout: str


@dataclass(frozen=True, slots=True)
class ShownMethod:
    name: str
    count: int
    charges: str
    refunds: str
    rest: str


@dataclass(frozen=True, slots=True)
class ShownEvent:
    name: str
    charges: str
    refunds: str
    fees: str
    payout: str


@dataclass(frozen=True, slots=True)
class ShownDiscount:
    code: str
    event: str
    orders: int
    tickets: int
    discount: str


@dataclass(frozen=True, slots=True)
class ShownSales:
    name: str
    sold: int
    returned: int
    revenue: str


@dataclass(slots=True)
class ShownDay:
    """The sales of one day: their sum, and each ticket type that sold or came back."""

    day: date
    sum: ShownSales
    types: list[ShownSales] = field(default_factory=list)


def show_balances(balances: list[Balance]) -> list[ShownBalance]:
    return [
        ShownBalance(
            charges=format_money(each.charges, each.currency),
            refunds=format_money(each.refunds, each.currency),
            fees=format_money(each.fees, each.currency),
            cash=format_money(each.cash, each.currency) if each.cash else "",
            payout=format_money(each.payout, each.currency),
        )
        for each in balances
    ]


def show_methods(balances: list[MethodBalance]) -> list[ShownMethod]:
    return [
        ShownMethod(
            method_name(each.method),
            each.count,
            format_money(each.charges, each.currency),
            format_money(each.refunds, each.currency),
            format_money(each.charges + each.refunds, each.currency),
        )
        for each in balances
    ]


def show_events(balances: list[EventBalance]) -> list[ShownEvent]:
    return [
        ShownEvent(
            each.event,
            format_money(each.balance.charges, each.balance.currency),
            format_money(each.balance.refunds, each.balance.currency),
            format_money(each.balance.fees, each.balance.currency),
            format_money(each.balance.payout, each.balance.currency),
        )
        for each in balances
    ]


def show_discounts(discounts: list[CodeDiscount]) -> list[ShownDiscount]:
    return [
        ShownDiscount(
            each.code,
            each.event,
            each.orders,
            each.tickets,
            format_money(each.discount, each.currency),
        )
        for each in discounts
    ]


def show_days(event: Event, period: Period) -> list[ShownDay]:
    """Return the days of an event's sale with sales or returns, newest first."""
    events = Event.objects.filter(pk=event.pk)
    by_day: dict[date, dict[object, Sales]] = defaultdict(dict)
    for (day, kind), sales in sales_by_day(events, since=period.since, zone=period.zone).items():
        if day <= period.last:
            by_day[day][kind] = sales
    names = dict(
        TicketType.objects.filter(event=event).order_by("number").values_list("pk", "name")
    )
    return [
        ShownDay(
            day,
            _show(_("Total"), sum(of_day.values(), Sales()), event.currency),
            [_show(name, of_day[pk], event.currency) for pk, name in names.items() if pk in of_day],
        )
        for day, of_day in sorted(by_day.items(), reverse=True)
    ]


def _show(name: str, sales: Sales, currency: str) -> ShownSales:
    revenue: Decimal = sales.revenue
    return ShownSales(name, sales.sold, sales.returned, format_money(revenue, currency))
