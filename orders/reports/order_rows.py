"""The table of orders."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from events.models import Event
from orders.answer_rules import Place as AnswerPlace
from orders.models import CashDifference, Consent, Order, OrderItem
from orders.reports.answer_columns import AnswerColumns, answer_columns
from orders.reports.paging import Batch, Extent, Place, local, read_by_event, zone_of
from ticketing.tables.columns import Cell, Column, Kind, Row

# Staff took it by hand for exchanged tickets, less what they gave back.
_CASH: Final = Coalesce(
    Subquery(
        CashDifference.objects.filter(order=OuterRef("pk"))
        .order_by()
        .values("order")
        .annotate(sum=Sum("amount"))
        .values("sum")
    ),
    Decimal(0),
)


@dataclass(frozen=True, slots=True)
class OrderRows:
    """A row for each order, whatever became of it, by the time at which it was created."""

    extent: Extent

    def columns(self) -> list[Column]:
        return [
            Column(_("Event")),
            Column(_("Order")),
            Column(_("Status")),
            Column(_("Customer's name")),
            Column(_("Customer's email")),
            Column(_("Language")),
            Column(_("Tickets"), Kind.COUNT),
            Column(_("Tickets by type")),
            Column(_("Refunded tickets"), Kind.COUNT),
            Column(_("Promo code")),
            Column(_("Currency")),
            Column(_("Discount"), Kind.MONEY),
            Column(_("Total"), Kind.MONEY),
            Column(_("Refunded"), Kind.MONEY),
            Column(_("Cash for exchanges"), Kind.MONEY),
            Column(_("Payment method")),
            Column(_("Payment status")),
            Column(_("Decline code")),
            Column(_("Created at"), Kind.MOMENT),
            Column(_("Reserved until"), Kind.MOMENT),
            Column(_("Paid at"), Kind.MOMENT),
            Column(_("Closed at"), Kind.MOMENT),
            Column(_("Time zone")),
            Column(_("Your reference")),
            Column(_("Your data")),
            Column(_("Terms accepted"), Kind.COUNT),
            Column(_("Terms accepted at"), Kind.MOMENT),
            Column(_("News")),
            Column(_("News since"), Kind.MOMENT),
            *self._asked().columns(),
        ]

    def count(self, at_most: int) -> int:
        events = self.extent.events()
        return self._limit(Order.objects.filter(event__in=events))[:at_most].count()

    def read(self, place: Place, size: int) -> Batch:
        found = read_by_event(
            self.extent.events(), self._orders_of, moment="created_at", place=place, size=size
        )
        event = found.event
        answers = self._asked().read([order.pk for order in found.rows])
        rows = [
            [*_row(event, order, vars(order)["cash"]), *answers.cells(order.pk, AnswerPlace())]
            for order in found.rows
            if event
        ]
        return Batch(rows, found.place)

    def _asked(self) -> AnswerColumns:
        return answer_columns(self.extent.event_id, per_ticket=False)

    def _orders_of(self, event: Event) -> QuerySet[Order]:
        orders = self._limit(Order.objects.filter(event=event)).annotate(cash=_CASH)
        return orders.select_related("payment", "shop_record", "consent__terms").prefetch_related(
            "items__ticket_type", "payment__refunds"
        )

    def _limit(self, orders: QuerySet[Order]) -> QuerySet[Order]:
        return self.extent.limit(orders.filter(created_at__lte=self.extent.taken_at), "created_at")


def _row(event: Event, order: Order, cash: Decimal) -> Row:
    zone = zone_of(event)
    items = sorted(order.items.all(), key=lambda item: item.ticket_type.number)
    payment = getattr(order, "payment", None)
    record = getattr(order, "shop_record", None)
    return [
        event.name,
        order.code,
        order.get_status_display(),
        order.customer_name,
        order.customer_email,
        order.get_language_display(),
        sum(item.quantity for item in items),
        ", ".join(map(_name_item, items)),
        sum(item.returned for item in items),
        order.promo_text,
        order.currency,
        order.discount,
        order.total,
        order.refunded,
        cash,
        payment.get_method_display() if payment else None,
        payment.get_status_display() if payment else None,
        payment.decline_code if payment else None,
        local(order.created_at, zone),
        local(order.reserved_until, zone),
        local(order.paid_at, zone),
        local(order.closed_at, zone),
        event.timezone,
        record.external_id if record else None,
        json.dumps(record.metadata, ensure_ascii=False) if record and record.metadata else None,
        *_consent_cells(order, zone),
    ]


def _consent_cells(order: Order, zone: ZoneInfo) -> list[Cell]:
    consent: Consent | None = getattr(order, "consent", None)
    if consent is None:
        return [None, None, _("no"), None]
    return [
        consent.terms.number if consent.terms and consent.accepted_at else None,
        local(consent.accepted_at, zone),
        _("yes") if consent.takes_news else _("no"),
        local(consent.news_at, zone) if consent.takes_news else None,
    ]


def _name_item(item: OrderItem) -> str:
    return f"{item.quantity} × {item.ticket_type.name}"
