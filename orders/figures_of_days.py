"""The sales of whole days, for mails: read from slots, when all of them are written."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal

from django.db.models import QuerySet, Sum

from events.models import Event
from orders.sales_slots import OrderSlot, SalesSlot, SalesSummary


@dataclass(frozen=True, slots=True)
class SalesOfEvent:
    """What one event sold and returned. Amounts are in units of `currency`."""

    event_name: str
    currency: str
    orders: int
    sold: int
    amount: Decimal
    returned: int
    returned_amount: Decimal


def end_of_day(day: date, zone: tzinfo) -> datetime:
    """Return the moment in UTC at which a day ends in a time zone."""
    end = day + timedelta(days=1)
    return datetime(end.year, end.month, end.day, tzinfo=zone).astimezone(UTC)


def figures_are_complete(*, until: datetime) -> bool:
    """Return whether all sales before that moment are in the slots."""
    return SalesSummary.objects.filter(written_until__gte=until).exists()


def sales_of_days(
    events: QuerySet[Event], *, first: date, last: date, zone: tzinfo
) -> list[SalesOfEvent]:
    """Return the sales of each event on the days from `first` to `last`, the largest first."""
    wanted = events.order_by().values("pk")
    start, end = end_of_day(first - timedelta(days=1), zone), end_of_day(last, zone)
    slots = SalesSlot.objects.filter(event__in=wanted, starts_at__gte=start, starts_at__lt=end)
    paid = OrderSlot.objects.filter(event__in=wanted, starts_at__gte=start, starts_at__lt=end)
    orders = dict(paid.order_by().values_list("event").annotate(count=Sum("paid")))
    sums = (
        slots.order_by()
        .values("event", "event__name", "currency")
        .annotate(
            tickets=Sum("sold"),
            money=Sum("amount"),
            back=Sum("returned"),
            money_back=Sum("returned_amount"),
        )
        .order_by("-tickets", "event__name")
    )
    return [
        SalesOfEvent(
            event_name=row["event__name"],
            currency=row["currency"],
            orders=orders.get(row["event"], 0),
            sold=row["tickets"],
            amount=row["money"],
            returned=row["back"],
            returned_amount=row["money_back"],
        )
        for row in sums
    ]
