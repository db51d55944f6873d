"""HTML about the sales of an event: a bar for the list, and a table for the event's page."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.db.models.functions import Coalesce
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from events.catalogue import left_by_type
from events.models import Event, EventStatus, TicketType
from events.stock.record import held_by_type
from events.wording import say_left
from ticketing.money import format_money

# One in so many tickets left is few.
_FEW: Final = 10
# What one ticket of a type is worth.
_WORTH: Final = Coalesce("tickets__exchanged_price", "tickets__order_item__unit_price")


def is_nearly_sold_out(left: int, capacity: int) -> bool:
    """Return whether some tickets are left, but a tenth of the capacity at most."""
    return 0 < left * _FEW <= capacity


def attach_figures(events: Sequence[Event]) -> None:
    """Read the figures of a page of events together, for `show_sales`."""
    # One round trip to Redis for the whole page.
    left = left_by_type([event.pk for event in events])
    cancelled = [event.pk for event in events if event.status == EventStatus.CANCELLED]
    were_sold = _ever_sold(cancelled) if cancelled else {}
    for event in events:
        vars(event).update(left_by_type=left, were_sold=were_sold.get(event.pk, 0))


def show_sales(event: Event) -> SafeString:
    """
    Return a bar of the share of tickets sold, with figures, and a mark if few are left.

    A cancelled event shows what was sold: its refunds have freed all places.
    """
    kinds = list(event.ticket_types.all())
    capacity = sum(kind.capacity for kind in kinds)
    is_cancelled = event.status == EventStatus.CANCELLED
    left = sum(vars(event).get("left_by_type", {}).get(kind.pk, 0) for kind in kinds)
    sold = vars(event).get("were_sold", 0) if is_cancelled else sum(kind.sold for kind in kinds)
    is_on_sale = event.status == EventStatus.PUBLISHED and bool(kinds)
    return format_html(
        '<div class="min-w-40"><div class="h-1.5 rounded-full bg-base-200 dark:bg-base-700'
        ' overflow-hidden"><div class="h-full bg-primary-600" style="width:{}%"></div></div>'
        '<span class="text-xs whitespace-nowrap">{} / {} · {}</span>{}</div>',
        round(100 * sold / capacity) if capacity else 0,
        sold,
        capacity,
        _("were sold") if is_cancelled else say_left(left),
        _mark(left, capacity) if is_on_sale else "",
    )


def _ever_sold(event_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many tickets each event has sold, refunded or not. Events without are left out."""
    kinds = TicketType.objects.filter(event__in=event_ids, tickets__replaced_by=None)
    return dict(kinds.order_by().values_list("event").annotate(count=Count("tickets")))


def show_summary(event: Event, *, with_revenue: bool) -> SafeString:
    """
    Return a table with the sales and the stock of each ticket type.

    Revenue and entries are on the event's dashboard, which does not count all orders. A cancelled
    event has its figures here: what was sold, charged and admitted.
    """
    if event.status == EventStatus.CANCELLED:
        return _show_past_table(event, with_revenue=with_revenue)
    left, held = left_by_type([event.pk]), held_by_type([event.pk])
    is_on_sale = event.status == EventStatus.PUBLISHED
    return _show_table(
        [_("type"), _("sold"), _("held"), _("left")],
        [
            (
                kind.name,
                kind.sold,
                held.get(kind.pk, 0) + kind.promised - kind.sold,
                format_html(
                    "{}{}",
                    left.get(kind.pk, 0),
                    _mark(left.get(kind.pk, 0), kind.capacity) if is_on_sale else "",
                ),
            )
            for kind in event.ticket_types.order_by("number")
        ],
        leave_out=None,
    )


def _show_past_table(event: Event, *, with_revenue: bool) -> SafeString:
    """Return the sales of a cancelled event: its refunds have set the current figures to zero."""
    ever = Q(tickets__replaced_by=None)
    kinds = event.ticket_types.order_by("number").annotate(
        ever_sold=Count("tickets", filter=ever), charged=Sum(_WORTH, filter=ever)
    )
    admitted = _admitted_by_type(event)
    return _show_table(
        [_("type"), _("were sold"), _("were charged"), _("were admitted")],
        [
            (
                kind.name,
                f"{kind.ever_sold} / {kind.capacity}",
                format_money(kind.charged or Decimal(0), event.currency),
                admitted.get(kind.pk, 0),
            )
            for kind in kinds
        ],
        leave_out=None if with_revenue else 2,
    )


def _admitted_by_type(event: Event) -> dict[UUID, int]:
    # By the moment: a refund revokes a ticket, also after its holder has entered.
    admitted = event.tickets.filter(used_at__isnull=False).values_list("ticket_type_id")
    return dict(admitted.annotate(count=Count("pk")))


def _mark(left: int, capacity: int) -> SafeString | str:
    if not left:
        words, color = _("sold out"), "bg-red-100 text-red-700"
    elif is_nearly_sold_out(left, capacity):
        words, color = _("nearly sold out"), "bg-orange-100 text-orange-700"
    else:
        return ""
    return format_html(
        ' <span class="inline-block font-semibold px-1.5 rounded-default text-xs {}">{}</span>',
        color,
        words,
    )


def _show_table(
    head: list[str], rows: Iterable[tuple[Any, ...]], *, leave_out: int | None
) -> SafeString:
    """Return a table, without the column of that number."""
    head = [cell for number, cell in enumerate(head) if number != leave_out]
    rows = [tuple(cell for number, cell in enumerate(row) if number != leave_out) for row in rows]
    cell = "pr-4 py-1 text-left whitespace-nowrap"
    return format_html(
        '<div class="overflow-x-auto" style="max-width:calc(100vw - 6rem)" tabindex="0">'
        '<table class="figures text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", '<th class="{} font-semibold">{}</th>', ((cell, w) for w in head)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            (
                (
                    format_html_join(
                        "",
                        '<td class="{}" data-label="{}">{}</td>',
                        ((cell, *pair) for pair in zip(head, row, strict=True)),
                    ),
                )
                for row in rows
            ),
        ),
    )
