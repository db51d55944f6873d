"""An organizer's way to look through the orders of an event."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from orders.models import Order
from ticketing.addresses import can_be_mailed, tidy_address

# Of a streamed table: enough that the database is rarely asked, little enough to hold.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What an organizer is looking for."""

    words: str = ""
    # Any of these. None: all.
    statuses: Collection[str] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    modified_since: datetime | None = None
    # Of those of that moment, the ones after this.
    after: UUID | None = None


def orders_of_event(event_id: UUID, wanted: OrderFilter) -> QuerySet[Order]:
    """
    Return the orders that fit, newest first; with `modified_since`, in the order of their changes.

    `words` are an order's code, its customer's email, or part of his name.
    """
    orders = Order.objects.filter(event_id=event_id)
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
    """Fetch with some orders all that an organizer is shown of them."""
    return orders.select_related("event", "payment", "confirmation", "delivery").prefetch_related(
        "items__ticket_type", "payment__refunds"
    )


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
        ]


def _as_stored(words: str) -> str:
    """Return what may be an address in the form in which addresses are stored."""
    return tidy_address(words) if can_be_mailed(words) else words
