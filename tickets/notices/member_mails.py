"""Compose the mails to members, each in the language that the member chose."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Sum
from django.urls import reverse
from django.utils import formats, translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext, ngettext

from events.models import Event, EventStatus, TicketType
from events.wording import show_start
from orders.figures_of_days import sales_of_days
from orders.models import Order, OrderItem
from ticketing.clock import zone_named
from ticketing.letters import HtmlMail
from ticketing.mail_templates import render_mail
from ticketing.money import format_money
from tickets.notices.member_models import MemberNotice, MemberNoticeKind
from tickets.notices.members import events_of

# Longer lists are not read in a mail: the admin has them.
_MOST_LISTED: Final = 20


def compose_member_mail(*, notice: MemberNotice) -> HtmlMail | None:
    """Return the mail of a notice to a member, or None if there is nothing to tell."""
    with translation.override(notice.membership.notice_choice.language):
        if notice.kind == MemberNoticeKind.SALES:
            told = _describe_sales(notice)
        elif notice.kind == MemberNoticeKind.SOLD_OUT:
            told = _describe_sold_out(notice)
        else:
            told = _describe_days(notice)
        if told is None:
            return None
        return _compose(notice, told)


def _compose(notice: MemberNotice, told: Mapping[str, Any]) -> HtmlMail:
    context = {
        "organizer": notice.membership.organizer,
        "choices_url": settings.PUBLIC_URL + reverse("admin:my_notices"),
        **told,
    }
    return render_mail(
        f"tickets/mail/member_{notice.kind}",
        context,
        subject=told["subject"],
        to=[notice.membership.user.email],
    )


def _describe_sales(notice: MemberNotice) -> dict[str, Any] | None:
    period = {
        "paid_at__gte": parse_datetime(notice.details["since"]),
        "paid_at__lt": parse_datetime(notice.details["until"]),
    }
    orders = Order.objects.filter(event__in=events_of(notice.membership).order_by(), **period)
    sums = (
        orders.order_by()
        .values("event", "event__name", "currency")
        .annotate(count=Count("pk"), amount=Sum("total"))
        .order_by("-count", "event__name")
    )
    items = OrderItem.objects.filter(order__in=orders.order_by().values("pk"))
    tickets = dict(items.order_by().values_list("order__event").annotate(count=Sum("quantity")))
    rows = list(sums)
    if not rows:
        return None
    count = sum(row["count"] for row in rows)
    total = _add_up((row["currency"], row["amount"]) for row in rows)
    said = ngettext("%(count)d new order", "%(count)d new orders", count) % {"count": count}
    place = rows[0]["event__name"] if len(rows) == 1 else notice.membership.organizer.name
    return {
        "subject": f"{said}: {place}",
        "headline": said,
        "total": total,
        "rows": [
            {
                "name": row["event__name"],
                "counts": _say_counts(row["count"], tickets.get(row["event"], 0)),
                "amount": format_money(row["amount"], row["currency"]),
            }
            for row in rows[:_MOST_LISTED]
        ],
        "orders_url": settings.PUBLIC_URL + reverse("admin:orders_order_changelist"),
    }


def _describe_sold_out(notice: MemberNotice) -> dict[str, Any] | None:
    kinds = TicketType.objects.select_related("event").filter(
        pk=notice.cause, event__in=events_of(notice.membership).order_by()
    )
    kind = kinds.order_by("pk").first()
    if kind is None:
        return None
    others = list(kind.event.ticket_types.exclude(pk=kind.pk).order_by("number"))
    left = [
        gettext("%(type)s: %(sold)d of %(capacity)d sold")
        % {"type": other.name, "sold": other.sold, "capacity": other.capacity}
        for other in others
        if other.sold < other.capacity
    ]
    return {
        "subject": gettext("Sold out: %(type)s, %(event)s")
        % {"type": kind.name, "event": kind.event.name},
        "kind": kind,
        "event": kind.event,
        **show_start(kind.event),
        "left": left,
        "event_url": settings.PUBLIC_URL
        + reverse("admin:events_event_change", args=[kind.event_id]),
    }


def _describe_days(notice: MemberNotice) -> dict[str, Any] | None:
    first = date.fromisoformat(notice.details["first_day"])
    last = date.fromisoformat(notice.details["last_day"])
    events = events_of(notice.membership)
    rows = sales_of_days(events, first=first, last=last, zone=zone_named(notice.details["zone"]))
    if not rows:
        return None
    orders = sum(row.orders for row in rows)
    days = _say_days(first, last)
    said = ngettext("%(count)d order", "%(count)d orders", orders) % {"count": orders}
    return {
        "subject": f"{days}: {said} · {notice.membership.organizer.name}",
        "days": days,
        "headline": said,
        "total": _add_up((row.currency, row.amount) for row in rows),
        "rows": [
            {
                "name": row.event_name,
                "counts": _say_counts(row.orders, row.sold),
                "amount": format_money(row.amount, row.currency),
                "returned": ngettext(
                    "%(count)d ticket refunded: %(amount)s",
                    "%(count)d tickets refunded: %(amount)s",
                    row.returned,
                )
                % {
                    "count": row.returned,
                    "amount": format_money(row.returned_amount, row.currency),
                }
                if row.returned
                else "",
            }
            for row in rows[:_MOST_LISTED]
        ],
        "stocks": _describe_stocks(notice),
        "orders_url": settings.PUBLIC_URL + reverse("admin:orders_order_changelist"),
    }


def _describe_stocks(notice: MemberNotice) -> list[dict[str, str]]:
    """Return how much is sold of each event that is on sale and not over."""
    coming = events_of(notice.membership).filter(
        status=EventStatus.PUBLISHED, ends_at__gt=notice.asked_at
    )
    with_sums = coming.annotate(sold=Sum("ticket_types__sold"), most=Sum("ticket_types__capacity"))
    return [
        {
            "name": event.name,
            "day": _say_day_of(event),
            "sold": gettext("%(sold)s of %(capacity)s sold")
            % {
                "sold": formats.number_format(event.sold or 0, force_grouping=True),
                "capacity": formats.number_format(event.most or 0, force_grouping=True),
            },
        }
        for event in with_sums.order_by("starts_at", "pk")[:_MOST_LISTED]
    ]


def _say_day_of(event: Event) -> str:
    return show_start(event)["day"]


def _say_days(first: date, last: date) -> str:
    form = gettext("l, F j, Y")
    if first == last:
        return formats.date_format(last, form)
    return f"{formats.date_format(first, form)} – {formats.date_format(last, form)}"


def _say_counts(orders: int, tickets: int) -> str:
    said = ngettext("%(count)d order", "%(count)d orders", orders) % {"count": orders}
    return f"{said}, " + ngettext("%(count)d ticket", "%(count)d tickets", tickets) % {
        "count": tickets
    }


def _add_up(amounts: Iterable[tuple[str, Decimal]]) -> str:
    """Return the sum of each currency in words."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in amounts:
        sums[currency] += amount
    return " + ".join(format_money(amount, currency) for currency, amount in sums.items())
