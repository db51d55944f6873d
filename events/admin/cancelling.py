"""What the cancellation of an event means for its buyers, before it and while it runs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from events.models import Event


class CancellationForm(forms.Form):
    note = forms.CharField(
        label=gettext_lazy("Your sentence to the buyers"),
        required=False,
        max_length=Event._meta.get_field("cancellation_note").max_length,  # noqa: SLF001 - Django documents it
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "It is in the mail that each buyer gets: why the event is cancelled, or when it will"
            " take place instead. 500 characters at most."
        ),
    )


@dataclass(frozen=True, slots=True)
class Consequences:
    """Counts of an event's orders and people. `amount` is in the event's currency."""

    reservations: int
    reserved_tickets: int
    processing: int
    paid_orders: int
    buyers: int
    tickets: int
    amount: Decimal
    entries: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the cancellation of an event has come. An order is done when it is refunded."""

    done: int
    total: int
    money_owed: int
    is_finished: bool

    @property
    def percent(self) -> int:
        return round(100 * self.done / self.total) if self.total else 100


def count_consequences(event: Event) -> Consequences:
    """Count what a cancellation would end, revoke and refund."""
    orders = event.orders.order_by()
    reserved = orders.filter(status="reserved")
    paid = orders.filter(status="paid")
    counts = paid.aggregate(
        orders=Count("pk"), buyers=Count(Lower("customer_email"), distinct=True), total=Sum("total")
    )
    returned = paid.aggregate(amount=Sum("payment__refunds__amount"))["amount"]
    return Consequences(
        reservations=reserved.count(),
        reserved_tickets=_sum(reserved, F("items__quantity")),
        processing=orders.filter(status="processing").count(),
        paid_orders=counts["orders"],
        buyers=counts["buyers"],
        tickets=_sum(paid, F("items__quantity") - F("items__returned")),
        amount=(counts["total"] or Decimal(0)) - (returned or Decimal(0)),
        entries=event.tickets.filter(status="used").count(),
    )


def count_progress(event: Event) -> Progress:
    """Count how many orders of a cancelled event are ended, and whose money is still owed."""
    counts = event.orders.order_by().aggregate(
        done=Count("pk", filter=Q(status="refunded")),
        open=Count("pk", filter=Q(status__in=["reserved", "processing", "paid"])),
    )
    owed = event.orders.filter(
        payment__refunds__isnull=False, payment__refunds__refunded_at=None
    ).count()
    return Progress(
        done=counts["done"],
        total=counts["done"] + counts["open"],
        money_owed=owed,
        is_finished=not counts["open"] and not owed,
    )


def _sum(orders: Any, quantity: Any) -> int:
    return orders.aggregate(sum=Sum(quantity))["sum"] or 0
