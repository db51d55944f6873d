"""Find an organizer's orders by filters, and export them as rows."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from orders.models import Order
from ticketing.addresses import can_be_mailed, tidy_address

# Rows that an export reads at once: enough to need few queries, few enough for little memory.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """The filters of a list of orders. An order must match all that are set."""

    # An order's code, its customer's email, or a part of the customer's name.
    words: str = ""
    # An order must have one of these statuses. Empty: any status.
    statuses: Collection[str] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    modified_since: datetime | None = None
    # The last order of the previous page.
    after: UUID | None = None
    event: UUID | None = None
    code: str = ""
    external_id: str = ""


class UnknownOrder(Exception):
    """`OrderFilter.after` is not an order that the caller may see."""


def orders_of_event(event_id: UUID, wanted: OrderFilter) -> QuerySet[Order]:
    """
    Return the matching orders of an event, newest first.

    With `modified_since` the orders that changed first come first.
    """
    return _narrow(Order.objects.filter(event_id=event_id), wanted)


def first_orders(orders: QuerySet[Order], wanted: OrderFilter, *, count: int) -> list[Order]:
    """
    Return the first `count` matching ones of `orders`, sorted as `orders_of_event` does.

    :raises UnknownOrder: if `wanted.after` is not one of `orders`
    """
    narrowed = _narrow(orders, wanted)
    if wanted.after is not None and wanted.modified_since is None:
        # Orders are never deleted, so the last order of the previous page is always found.
        last = orders.filter(pk=wanted.after).values_list("created_at", flat=True)
        moment = last.order_by("pk").first()
        if moment is None:
            raise UnknownOrder
        narrowed = narrowed.filter(
            Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=wanted.after)
        )
    return list(narrowed[:count])


def newest_named(
    rows: QuerySet[Any], name: str, words: Collection[str], *, count: int
) -> list[Any]:
    """
    Return the keys of the newest rows whose column `name` contains all words, newest first.

    Only the newest 50,000 of `rows` are read, so that no search reads the rows of many years.
    """
    newest = rows.order_by("-created_at").values_list("pk", name, "created_at")[:_NAMES_SEARCHED]
    try:
        wanted, parameters = newest.query.sql_with_params()
    except EmptyResultSet:
        return []
    contains = " AND ".join(["strpos(lower(named.name), lower(%s)) > 0"] * len(words)) or "false"
    with connection.cursor() as cursor:
        cursor.execute(_NAMED.format(wanted, contains), [*parameters, *words, count])
        return [key for (key,) in cursor.fetchall()]


_NAMES_SEARCHED = 50_000
_NAMED = """
SELECT named.id FROM ({}) AS named (id, name, created_at)
WHERE {} ORDER BY named.created_at DESC LIMIT %s
"""


def latest_orders(event_ids: Collection[UUID], *, count: int) -> list[Order]:
    """
    Return the newest orders of some events, newest first, with their events.

    It reads `count` orders of each event by an index, not the orders of other events.
    """
    newest = RawSQL(_NEWEST, [list(event_ids), count, count])  # noqa: S611 - no text of a caller
    orders = Order.objects.filter(pk__in=newest).select_related("event")
    return list(orders.order_by("-created_at", "-pk"))


_NEWEST = """
SELECT newest.id FROM unnest(%s::uuid[]) AS event (id) CROSS JOIN LATERAL (
  SELECT o.id, o.created_at FROM orders_order o WHERE o.event_id = event.id
  ORDER BY o.created_at DESC LIMIT %s
) AS newest
ORDER BY newest.created_at DESC LIMIT %s
"""


def _narrow(orders: QuerySet[Order], wanted: OrderFilter) -> QuerySet[Order]:
    if wanted.event is not None:
        orders = orders.filter(event_id=wanted.event)
    if wanted.code:
        orders = orders.filter(code=wanted.code.upper())
    if wanted.external_id:
        orders = orders.filter(shop_record__external_id=wanted.external_id)
    if wanted.words:
        orders = orders.filter(
            Q(code=wanted.words.upper())
            | Q(customer_email__iexact=_as_stored(wanted.words))
            | Q(customer_name__icontains=wanted.words)
        )
    if wanted.statuses:
        orders = orders.filter(status__in=wanted.statuses)
    if wanted.created_after is not None:
        orders = orders.filter(created_at__gte=wanted.created_after)
    if wanted.created_before is not None:
        orders = orders.filter(created_at__lt=wanted.created_before)
    if wanted.modified_since is not None:
        orders = orders.filter(modified_at__gte=wanted.modified_since)
        if wanted.after is not None:
            orders = orders.exclude(modified_at=wanted.modified_since, pk__lte=wanted.after)
        orders = orders.order_by("modified_at", "id")
    return with_all_shown(orders)


def with_all_shown(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Fetch with the orders all related rows that an organizer's response shows."""
    return orders.select_related(
        "event", "payment", "confirmation", "delivery", "shop_record", "consent__terms"
    ).prefetch_related("items__ticket_type", "payment__refunds")


EXPORTED = [
    "id",
    "code",
    "status",
    "customer_name",
    "customer_email",
    "tickets",
    "items",
    "total",
    "refunded",
    "currency",
    "created_at",
    "paid_at",
    "closed_at",
    "promo_code",
    "discount",
]


def export_orders(orders: QuerySet[Order]) -> Iterator[list[object]]:
    """Yield a row of `EXPORTED` for each order."""
    for order in orders.iterator(chunk_size=_CHUNK):
        items = list(order.items.all())
        yield [
            str(order.pk),
            order.code,
            order.status,
            order.customer_name,
            order.customer_email,
            sum(item.quantity - item.returned for item in items),
            ", ".join(f"{item.quantity} × {item.ticket_type.name}" for item in items),
            order.total,
            f"{order.refunded:.2f}",
            order.currency,
            *(
                moment.isoformat() if moment else ""
                for moment in (order.created_at, order.paid_at, order.closed_at)
            ),
            order.promo_text,
            f"{order.discount:.2f}",
        ]


def _as_stored(words: str) -> str:
    """Return an email address in the form in which addresses are stored; other words unchanged."""
    return tidy_address(words) if can_be_mailed(words) else words
