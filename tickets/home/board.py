"""The home page: composes the figures of a member's events, and what there is to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from events.models import Event, EventStatus, TicketType
from events.reach import Reach, read_reach
from events.roles import Right
from orders.figures import Comparison, Sales, SalesByTime, compare_periods, sales_by_time
from orders.models import Order
from orders.search import latest_orders
from ticketing import clock
from ticketing.money import format_money
from ticketing.staff import closed_first_steps
from tickets.figures import Entries, GateEntries, read_entries
from tickets.home.attention import find_matters
from tickets.home.charts import Chart, draw_columns
from tickets.home.first_steps import first_steps
from tickets.home.shown_events import (
    count_down,
    is_today,
    links_of,
    percent_of,
    show_event,
    show_when,
    with_types,
)

_PERIODS: Final = (1, 7, 30)
_USUAL_PERIOD: Final = 7
_LATEST_ORDERS: Final = 8
# Orders come in for events that are not over. An organizer rarely has more at a time.
_MOST_EVENTS: Final = 200
_JUST_OVER: Final = timedelta(days=30)
# An organizer with more events on one day has their dashboards.
_MOST_TODAY: Final = 3
_COMING_UP: Final = 4
_MOST_GATES: Final = 6


@dataclass(frozen=True, slots=True)
class Period:
    """The sales of some days, as texts, and their difference to the days before in percent."""

    days: int
    name: str
    before_name: str
    tickets: int
    money: list[str]
    before_tickets: int
    before: str
    # With its sign and percent sign. None: nothing was sold before.
    change: str | None
    is_less: bool
    is_shown: bool


@dataclass(frozen=True, slots=True)
class Today:
    """An event of today, with its entries, and those of its first gates."""

    event: Event
    dashboard: str
    countdown: str
    sold: int
    entries: Entries
    gates: list[GateEntries]
    percent: int

    @property
    def missing(self) -> int:
        return max(0, self.sold - self.entries.admitted)


def fill_home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the home page's figures to the context of the admin's index: Unfold calls it."""
    reach, now = read_reach(request.user), clock.now()
    context["title"] = _("Home")
    events = reach.events_with(Right.SEE_EVENTS)
    if not events.exists():
        return context | {"steps": first_steps(reach), "is_new": True}
    coming = list(
        with_types(events)
        .filter(status=EventStatus.PUBLISHED, ends_at__gt=now)
        .order_by("starts_at", "pk")[: 1 + _COMING_UP]
    )
    is_closed = closed_first_steps(request.user)
    today = [event for event in coming if is_today(event, now=now)]
    return context | {
        "today": [_show_today(event, now) for event in today[:_MOST_TODAY]],
        "next": show_event(coming[0], now=now) if coming else None,
        "next_links": links_of(coming[0], reach) if coming else [],
        "coming": [
            {"event": event, "when": show_when(event), "dashboard": dashboard_of(event)}
            for event in coming[1:]
        ],
        "matters": find_matters(reach, now=now),
        "steps": [] if is_closed else first_steps(reach),
        **_show_sales(events, days=_wanted_period(request), now=now),
        **_latest(reach, now),
    }


def _show_sales(events: QuerySet[Event], *, days: int, now: datetime) -> dict[str, Any]:
    zone = timezone.get_current_timezone()
    compared = compare_periods(events, periods=_PERIODS, now=now, zone=zone)
    sales = sales_by_time(events, days=days, now=now, zone=zone)
    return {
        "periods": [_show_period(each, is_shown=each.days == days) for each in compared],
        **show_sales_chart(sales, with_event=True),
    }


def show_sales_chart(sales: SalesByTime, *, with_event: bool) -> dict[str, Any]:
    """Return the context of `home/chart.html`: tickets sold by hour or by day, and by type."""
    by_hour = isinstance(sales.starts[0], datetime)
    return {
        "chart": draw_sales(sales, names_of(sales, with_event=with_event)),
        "name": _("Tickets sold by hour") if by_hour else _("Tickets sold by day"),
        "time_name": _("hour") if by_hour else _("day"),
        "nothing": _("No tickets were sold in this time."),
    }


def draw_sales(sales: SalesByTime, names: Mapping[Any, str]) -> Chart:
    """Draw tickets sold by hour or by day."""
    return draw_columns(
        [_show_time(start) for start in sales.starts],
        {names[kind]: counts for kind, counts in sales.series.items()},
    )


def draw_entries(entries: Entries, event: Event) -> Chart:
    """Draw admissions by quarter of an hour, by the clock at the venue, and by gate."""
    zone = clock.zone_named(event.timezone)
    return draw_columns(
        [f"{start.astimezone(zone):%H:%M}" for start in entries.starts],
        {gate or _("no gate"): counts for gate, counts in entries.series.items()},
    )


def names_of(sales: SalesByTime, *, with_event: bool) -> dict[Any, str]:
    """Return the names of the series. Equal ones get the name of their event."""
    kinds = TicketType.objects.filter(pk__in=[kind for kind in sales.series if kind])
    names: dict[Any, str] = {
        kind.pk: f"{kind.event.name} · {kind.name}" if with_event else kind.name
        for kind in kinds.select_related("event")
    }
    return names | {None: _("other types")}


def dashboard_of(event: Event) -> str:
    return reverse("event_dashboard", args=[event.pk])


def _wanted_period(request: HttpRequest) -> int:
    wanted = request.GET.get("days", "")
    return next((days for days in _PERIODS if str(days) == wanted), _USUAL_PERIOD)


def _show_time(start: datetime | date) -> str:
    if isinstance(start, datetime):
        return f"{start:%H}h"
    return formats.date_format(start, _("d M"))


def _show_today(event: Event, now: datetime) -> Today:
    entries = read_entries(event)
    sold = sum(kind.sold for kind in event.ticket_types.all())
    gates = entries.gates if len(entries.gates) > 1 else []
    return Today(
        event=event,
        dashboard=dashboard_of(event),
        countdown=count_down(event, now=now),
        sold=sold,
        entries=entries,
        gates=gates[:_MOST_GATES],
        percent=min(percent_of(entries.admitted, sold), 100),
    )


def _show_period(compared: Comparison, *, is_shown: bool) -> Period:
    name, before_name = {
        1: (_("Today"), _("yesterday until now")),
        7: (_("7 days"), _("in the 7 days before")),
        30: (_("30 days"), _("in the 30 days before")),
    }[compared.days]
    tickets = sum(sales.sold for sales in compared.current.values())
    before = sum(sales.sold for sales in compared.before.values())
    return Period(
        days=compared.days,
        name=name,
        before_name=before_name,
        tickets=tickets,
        money=_show_money(compared.current),
        before_tickets=before,
        before=" + ".join(_show_money(compared.before)) if compared.before else "",
        change=_show_change(tickets, before),
        is_less=tickets < before,
        is_shown=is_shown,
    )


def _show_change(now: int, before: int) -> str | None:
    if not before:
        return None
    change = round(100 * (now - before) / before)
    sign = "\N{MINUS SIGN}" if change < 0 else "+" if change else ""
    return f"{sign}{abs(change)}%"


def _show_money(sales: Mapping[str, Sales]) -> list[str]:
    shown = [format_money(sales[currency].revenue, currency) for currency in sorted(sales)]
    return shown or ["–"]


def _latest(reach: Reach, now: datetime) -> dict[str, Any]:
    if not reach.has_somewhere(Right.SEE_ORDERS):
        return {"sees_orders": False}
    recent = reach.events_with(Right.SEE_ORDERS).filter(ends_at__gt=now - _JUST_OVER)
    ids = recent.order_by("starts_at", "pk").values_list("pk", flat=True)[:_MOST_EVENTS]
    orders = latest_orders(list(ids), count=_LATEST_ORDERS)
    return {"sees_orders": True, "latest": show_orders(orders)}


def show_orders(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Return the context of `home/orders.html`."""
    return [
        {"order": order, "total": format_money(order.total, order.currency)} for order in orders
    ]
