"""HTML about the sales of an event: a bar for the list, and a table for the event's page."""

from decimal import Decimal

from django.db.models import Count, F, Q, Sum
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from events.catalogue import left_by_type
from events.models import (
    Event,
)
from events.stock.record import held_by_type
from ticketing.money import format_money


def show_sales(sold: int, capacity: int, left: int) -> SafeString:
    """Return a bar of the share of tickets sold, with the figures as text."""
    percent = round(100 * sold / capacity) if capacity else 0
    return format_html(
        '<div class="min-w-40"><div class="h-1.5 rounded-full bg-base-200 dark:bg-base-700'
        ' overflow-hidden"><div class="h-full bg-primary-600" style="width:{}%"></div></div>'
        '<span class="text-xs">{} / {} · {}</span></div>',
        percent,
        sold,
        capacity,
        _("%(count)d left") % {"count": left},
    )


def show_summary(event: Event) -> SafeString:
    """Return a table with the sales, stock, revenue and check-ins of each ticket type."""
    not_returned = F("order_items__quantity") - F("order_items__returned")
    money = not_returned * F("order_items__unit_price")
    kinds = list(
        event.ticket_types.order_by("number").annotate(
            revenue=Sum(money, filter=Q(order_items__order__status="paid"))
        )
    )
    left, held = left_by_type([event.pk]), held_by_type([event.pk])
    admitted = dict(
        event.tickets.filter(status="used")
        .values_list("ticket_type_id")
        .annotate(count=Count("pk"))
    )
    head = [_("type"), _("sold"), _("held"), _("left"), _("revenue"), _("admitted")]
    rows = [
        (
            kind.name,
            kind.sold,
            held.get(kind.pk, 0) + kind.promised - kind.sold,
            left.get(kind.pk, 0),
            format_money(kind.revenue or Decimal(0), event.currency),
            admitted.get(kind.pk, 0),
        )
        for kind in kinds
    ]
    cell = "pr-4 py-1 text-left"
    return format_html(
        '<div class="overflow-x-auto" style="max-width:calc(100vw - 6rem)" tabindex="0">'
        '<table class="text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", '<th class="{} font-semibold">{}</th>', ((cell, w) for w in head)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            (
                (format_html_join("", '<td class="{}">{}</td>', ((cell, w) for w in row)),)
                for row in rows
            ),
        ),
    )
