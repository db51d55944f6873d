"""
Figures of sales, for pages and reports: what was sold and returned, by time, type and currency.

Past quarters of an hour are read from their slots (`orders.sales_summary`), and the sales since
then from their orders. So the cost does not grow with the number of orders, and nothing is missing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Case,
    Count,
    DateTimeField,
    F,
    Func,
    IntegerField,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest, TruncDate

from events.models import Event
from orders.models import OrderItem, TicketExchange
from orders.sales_slots import SalesSlot, SalesSummary

_ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
# More series than this cannot be told apart in a chart.
_MOST_SERIES: Final = 5


@dataclass(frozen=True, slots=True)
class Sales:
    """Tickets sold and returned, and their money, in units of one currency."""

    sold: int = 0
    amount: Decimal = Decimal(0)
    returned: int = 0
    returned_amount: Decimal = Decimal(0)

    @property
    def kept(self) -> int:
        """Return how many tickets were sold and not returned."""
        return self.sold - self.returned

    @property
    def revenue(self) -> Decimal:
        """Return the money of the sales less that of the returns, before any fees."""
        return self.amount - self.returned_amount

    def __add__(self, other: "Sales") -> "Sales":
        return Sales(
            self.sold + other.sold,
            self.amount + other.amount,
            self.returned + other.returned,
            self.returned_amount + other.returned_amount,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """The sales of the last `days` days with today, and of as many before, each by currency."""

    days: int
    current: Mapping[str, Sales]
    before: Mapping[str, Sales]


@dataclass(frozen=True, slots=True)
class SalesByTime:
    """Tickets sold in each hour or day, by ticket type. Type None: all types beside the largest."""

    starts: list[datetime] | list[date]
    series: dict[UUID | None, list[int]]

    @property
    def total(self) -> int:
        return sum(sum(counts) for counts in self.series.values())


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows of sales, the lookups in them, and their sums in the order of the fields of `Sales`."""

    rows: QuerySet[Any]
    moment: str
    kind: str
    currency: str
    sums: tuple[Any, Any, Any, Any]


_Key = Callable[[_Source], Any]


def compare_periods(
    events: QuerySet[Event], *, periods: Sequence[int], now: datetime, zone: tzinfo
) -> list[Comparison]:
    """
    Return the sales of each period, which ends now, and of the same time before it.

    :param periods: numbers of days. 1 is today, compared with yesterday until the same time.
    """
    today = now.astimezone(zone).date()
    ranges = {days: _ranges_of(days, today, now, zone) for days in periods}
    bounds = sorted({bound for ranges_of in ranges.values() for bound in ranges_of})
    found = _sum_sales(events, [_by_bucket(bounds), _by_currency], since=bounds[0])
    comparisons = []
    for days, (before_start, before_end, start) in ranges.items():
        current: dict[str, Sales] = defaultdict(Sales)
        before: dict[str, Sales] = defaultdict(Sales)
        for (bucket, currency), sales in found.items():
            # The bucket of a sale has the number of the bounds until it.
            since = bounds[bucket - 1]
            if since >= start:
                current[currency] += sales
            elif before_start <= since < before_end:
                before[currency] += sales
        comparisons.append(Comparison(days, dict(current), dict(before)))
    return comparisons


def _ranges_of(
    days: int, today: date, now: datetime, zone: tzinfo
) -> tuple[datetime, datetime, datetime]:
    """Return where the days before begin and end, and where the last days begin."""
    first = today - timedelta(days=days - 1)
    local = now.astimezone(zone)
    # By the clock on the wall, also if it was changed in between.
    before_end = (local - timedelta(days=days)).astimezone(UTC)
    return _midnight(first - timedelta(days=days), zone), before_end, _midnight(first, zone)


def sales_by_time(
    events: QuerySet[Event], *, days: int, now: datetime, zone: tzinfo, most: int = _MOST_SERIES
) -> SalesByTime:
    """Return the tickets sold in the last `days` days with today: by hour if 1, else by day."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=days - 1)
    since = _midnight(first, zone)
    largest = _largest_types(events, since=since, most=most)
    starts: list[Any] = [first + timedelta(days=day) for day in range(days)]
    bounds = [_midnight(day, zone) for day in starts]
    if days == 1:
        # By the clock in UTC: a day may have 23 or 25 hours.
        end = _midnight(first + timedelta(days=1), zone)
        hours = int((end - since).total_seconds() // 3600)
        bounds = [since + timedelta(hours=hour) for hour in range(hours)]
        starts = [bound.astimezone(zone) for bound in bounds]
    keys = [_by_bucket(bounds), _by_one_of(largest)]
    found = _sum_sales(events, keys, since=since) if largest else {}
    series: dict[UUID | None, list[int]] = {kind: [0] * len(starts) for kind in [*largest, None]}
    for (bucket, kind), sales in found.items():
        series[kind][bucket - 1] += sales.sold
    if not any(series[None]):
        del series[None]
    return SalesByTime(starts, series)


def sales_by_type(events: QuerySet[Event]) -> dict[UUID, Sales]:
    """Return all sales of some events by ticket type. Types without sales are left out."""
    return {kind: sales for (kind,), sales in _sum_sales(events, [_by_type]).items()}


def sales_by_day(
    events: QuerySet[Event], *, since: datetime, zone: tzinfo
) -> dict[tuple[date, UUID], Sales]:
    """Return the sales since then, by the day in that time zone and the ticket type."""
    found = _sum_sales(events, [_by_day(zone), _by_type], since=since)
    return {(day, kind): sales for (day, kind), sales in found.items()}


def _sum_sales(
    events: QuerySet[Event], keys: Sequence[_Key], *, since: datetime = _ALWAYS
) -> dict[tuple[Any, ...], Sales]:
    """Return the sales since then, by the values of `keys`."""
    found: dict[tuple[Any, ...], Sales] = defaultdict(Sales)
    for source in _sources(events, since):
        for *values, sold, amount, returned, returned_amount in _grouped(source, keys):
            found[tuple(values)] += Sales(sold, amount, returned, returned_amount)
    return found


def _largest_types(events: QuerySet[Event], *, since: datetime, most: int) -> list[UUID]:
    sold: dict[UUID, int] = defaultdict(int)
    for source in _sources(events, since):
        # Twice as many as wanted: the largest of all sources are among the largest of each.
        for kind, count, *_ in _grouped(source, [_by_type]).order_by("-sold_")[: 2 * most]:
            sold[kind] += count
    return sorted((kind for kind, count in sold.items() if count), key=lambda k: (-sold[k], k))[
        :most
    ]


def _grouped(source: _Source, keys: Sequence[_Key]) -> QuerySet[Any, tuple[Any, ...]]:
    names = {f"key_{place}": key(source) for place, key in enumerate(keys)}
    sums = dict(
        zip(("sold_", "amount_", "returned_", "returned_amount_"), source.sums, strict=True)
    )
    rows = source.rows.order_by().values(**names).annotate(**sums)
    grouped: QuerySet[Any, tuple[Any, ...]] = rows.values_list(*names, *sums)
    return grouped


def _sources(events: QuerySet[Event], since: datetime) -> Iterator[_Source]:
    """Yield the slots, then what was sold, returned and exchanged after the last of them."""
    wanted = events.order_by().values("pk")
    until = written_until()
    live = max(since, until)
    nothing, no_money = Sum(Value(0)), Sum(Value(Decimal(0)))
    yield _Source(
        SalesSlot.objects.filter(event__in=wanted, starts_at__gte=since, starts_at__lt=until),
        "starts_at",
        "ticket_type",
        "currency",
        (Sum("sold"), Sum("amount"), Sum("returned"), Sum("returned_amount")),
    )
    items = OrderItem.objects.filter(order__event__in=wanted)
    yield _Source(
        items.filter(order__paid_at__gte=live),
        "order__paid_at",
        "ticket_type",
        "order__currency",
        (Sum("quantity"), Sum(F("quantity") * F("unit_price")), nothing, no_money),
    )
    # By the relation's reverse: `orders` may not import `tickets`.
    worth = Coalesce("tickets__exchanged_price", "unit_price")
    yield _Source(
        items.filter(tickets__refunded_at__gte=live),
        "tickets__refunded_at",
        "tickets__ticket_type",
        "order__currency",
        (nothing, no_money, Count("pk"), Sum(worth)),
    )
    yield from _exchanges(wanted, since, until)


def _exchanges(wanted: QuerySet[Any], since: datetime, until: datetime) -> Iterator[_Source]:
    """
    Yield what exchanges change that are not in slots yet.

    A ticket counts as sold of its new type, at the time of its sale and at its old price. So the
    total of a day never changes. The difference of the price counts when it was settled.
    """
    exchanges = TicketExchange.objects.filter(order__event__in=wanted, at__gte=until)
    if not exchanges.exists():
        return
    nothing, no_money = Sum(Value(0)), Sum(Value(Decimal(0)))
    sold = exchanges.filter(order__paid_at__gte=since)
    before = F("price_before")
    for kind, sign in (("from_type", -1), ("to_type", 1)):
        sums = (Sum(Value(sign)), Sum(before * Value(sign)), nothing, no_money)
        yield _Source(sold, "order__paid_at", kind, "order__currency", sums)
    more = Greatest(F("price_after") - before, Value(Decimal(0)))
    less = Greatest(before - F("price_after"), Value(Decimal(0)))
    yield _Source(
        exchanges.filter(at__gte=since),
        "at",
        "to_type",
        "order__currency",
        (nothing, Sum(more), nothing, Sum(less)),
    )


def written_until() -> datetime:
    """Return the moment from which on sales are not in slots yet."""
    moments = SalesSummary.objects.values_list("written_until", flat=True)
    return moments.order_by("pk").first() or _ALWAYS


def _by_type(source: _Source) -> F:
    return F(source.kind)


def _by_currency(source: _Source) -> F:
    return F(source.currency)


def _by_day(zone: tzinfo) -> _Key:
    return lambda source: TruncDate(source.moment, tzinfo=zone)


def _by_bucket(bounds: Sequence[datetime]) -> _Key:
    """
    Group by the number of bounds that are not after the sale.

    PostgreSQL would take ten times as long to convert each moment to a time zone.
    """
    array = Value(list(bounds), ArrayField(DateTimeField()))
    return lambda source: Func(
        F(source.moment), array, function="width_bucket", output_field=IntegerField()
    )


def _by_one_of(kinds: Sequence[UUID]) -> _Key:
    return lambda source: Case(When(**{f"{source.kind}__in": kinds}, then=F(source.kind)))


def _midnight(day: date, zone: tzinfo) -> datetime:
    # In UTC: within one zone, Python subtracts times on the clock and ignores that it may change.
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
