"""What the cancellation of an event means for its buyers, before it and while it runs."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from events.models import Event

# Counted exactly up to here, so that the pages stay quick for a large event.
MOST_COUNTED: Final = 10_000


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
class Counted:
    """A count of rows, or `limit` if there are more rows than that."""

    count: int
    limit: int

    @property
    def is_more(self) -> bool:
        return self.count > self.limit

    def __str__(self) -> str:
        if not self.is_more:
            return str(self.count)
        return _("more than %(count)s") % {"count": self.limit}

    def __bool__(self) -> bool:
        return self.count > 0


@dataclass(frozen=True, slots=True)
class Consequences:
    """
    What a cancellation would end. Orders, their money and their tickets are exact.

    `amount` is in the event's currency. `buyers` and `reserved_tickets` are None if the orders are
    too many to look at.
    """

    reservations: Counted
    reserved_tickets: int | None
    processing: Counted
    paid_orders: int
    buyers: int | None
    tickets: int
    amount: Decimal
    entries: Counted


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the cancellation of an event has come. `done` is None if it is not counted."""

    open: Counted
    done: int | None
    money_owed: Counted

    @property
    def is_finished(self) -> bool:
        return not self.open and not self.money_owed

    @property
    def total(self) -> int:
        return (self.done or 0) + self.open.count

    @property
    def percent(self) -> int | None:
        if self.done is None:
            return None
        return round(100 * self.done / self.total) if self.total else 100


def count_consequences(event: Event, *, most: int = MOST_COUNTED) -> Consequences:
    """Count what a cancellation would end, revoke and refund. See `count_at_most` for `most`."""
    orders = event.orders.order_by()
    reserved, paid = orders.filter(status="reserved"), orders.filter(status="paid")
    reservations = count_at_most(reserved, most)
    # Money is never estimated.
    counts = paid.aggregate(orders=Count("pk"), total=Sum("total", default=Decimal(0)))
    refunded = paid.filter(payment__refunds__isnull=False)
    returned = refunded.aggregate(amount=Sum("payment__refunds__amount", default=Decimal(0)))
    emails = Count(Lower("customer_email"), distinct=True)
    return Consequences(
        reservations=reservations,
        reserved_tickets=None
        if reservations.is_more
        else reserved.aggregate(sum=Sum("items__quantity", default=0))["sum"],
        processing=count_at_most(orders.filter(status="processing"), most),
        paid_orders=counts["orders"],
        buyers=None if counts["orders"] > most else paid.aggregate(buyers=emails)["buyers"],
        tickets=event.ticket_types.aggregate(sum=Sum("sold", default=0))["sum"],
        amount=counts["total"] - returned["amount"],
        entries=count_at_most(event.tickets.filter(status="used"), most),
    )


def count_progress(event: Event, *, most: int = MOST_COUNTED) -> Progress:
    """Count how many orders of a cancelled event are ended, and whose money is still owed."""
    orders = event.orders.order_by()
    refunded = count_at_most(orders.filter(status="refunded"), most)
    still_open = count_at_most(orders.filter(status__in=["reserved", "processing", "paid"]), most)
    return Progress(
        open=still_open,
        done=None if refunded.is_more or still_open.is_more else refunded.count,
        money_owed=count_at_most(
            orders.filter(payment__refunds__isnull=False, payment__refunds__refunded_at=None), most
        ),
    )


def count_at_most(rows: QuerySet[Any], most: int) -> Counted:
    """Count `rows`, but read no more than `most` and one of them."""
    return Counted(rows.order_by()[: most + 1].count(), most)
