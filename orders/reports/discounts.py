"""What buyers did not pay: the discounts of promo codes, and complimentary tickets beside them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Count, F, QuerySet, Sum

from events.models import Event
from orders.models import OrderItem, PaymentMethod

_MOST_CODES: Final = 100


@dataclass(frozen=True, slots=True)
class CodeDiscount:
    """The orders paid with one promo code. `discount` is what it took off, also of refunds."""

    code: str
    event: str
    currency: str
    orders: int
    tickets: int
    discount: Decimal


def discounts_by_code(
    events: QuerySet[Event], *, since: datetime, until: datetime
) -> list[CodeDiscount]:
    """Return the promo codes of orders paid in that time: the 100 with the largest discounts."""
    rows = (
        _paid(events, since, until)
        .filter(order__promo_code__isnull=False)
        .values_list("order__promo_text", "order__event__name", "order__currency")
        .annotate(
            orders=Count("order", distinct=True),
            count=Sum("quantity"),
            taken_off=Sum(F("quantity") * (F("list_price") - F("unit_price")), default=Decimal(0)),
        )
    )
    largest = rows.order_by("-taken_off", "-count", "order__promo_text", "order__event__name")
    return [CodeDiscount(*row) for row in largest[:_MOST_CODES]]


def count_complimentary(events: QuerySet[Event], *, since: datetime, until: datetime) -> int:
    """Return how many tickets staff gave in that time. They are no discount of any code."""
    given = _paid(events, since, until).filter(order__payment__method=PaymentMethod.COMPLIMENTARY)
    count: int = given.aggregate(count=Sum("quantity", default=0))["count"]
    return count


def _paid(events: QuerySet[Event], since: datetime, until: datetime) -> QuerySet[OrderItem]:
    return OrderItem.objects.filter(
        order__event__in=events.order_by().values("pk"),
        order__paid_at__gte=since,
        order__paid_at__lt=until,
    ).order_by()
