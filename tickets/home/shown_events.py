"""Events as the home page and their dashboards show them, with their stock and their sales."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from events.catalogue import left_by_type
from events.models import Event, EventStatus, TicketType
from events.reach import Reach
from events.roles import Right
from events.stock.record import held_by_type
from events.wording import public_address
from orders.figures import Sales, sales_by_type
from ticketing.clock import zone_named
from ticketing.money import format_money

_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class ShownType:
    """The stock and the sales of one ticket type. `left` is live, by Redis."""

    name: str
    price: str
    capacity: int
    sold: int
    held: int
    left: int
    percent: int
    returned: int
    revenue: str


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """An event with its figures, as texts in the user's language where they are money or time."""

    event: Event
    when: str
    countdown: str
    capacity: int
    sold: int
    held: int
    left: int
    percent: int
    returned: int
    revenue: str
    types: list[ShownType]
    public_url: str
    dashboard: str

    @property
    def is_on_sale(self) -> bool:
        return self.event.status == EventStatus.PUBLISHED


def with_types(events: QuerySet[Event]) -> QuerySet[Event]:
    kinds = Prefetch("ticket_types", TicketType.objects.order_by("number"))
    return events.select_related("organizer").prefetch_related(kinds)


def show_event(event: Event, *, now: datetime) -> ShownEvent:
    """Read the figures of an event, in one round trip to Redis. `event` is from `with_types`."""
    left, held = left_by_type([event.pk]), held_by_type([event.pk])
    sales = sales_by_type(Event.objects.filter(pk=event.pk))
    kinds = list(event.ticket_types.all())
    types = [_show_type(kind, event, left, held, sales.get(kind.pk, Sales())) for kind in kinds]
    sold, capacity = sum(kind.sold for kind in types), sum(kind.capacity for kind in types)
    revenue = sum((of_type.revenue for of_type in sales.values()), Sales().revenue)
    return ShownEvent(
        event=event,
        when=show_when(event),
        countdown=count_down(event, now=now),
        capacity=capacity,
        sold=sold,
        held=sum(kind.held for kind in types),
        left=sum(kind.left for kind in types),
        percent=percent_of(sold, capacity),
        returned=sum(kind.returned for kind in types),
        revenue=format_money(revenue, event.currency),
        types=types,
        public_url=public_address(event),
        dashboard=reverse("event_dashboard", args=[event.pk]),
    )


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    url: str
    icon: str


def links_of(event: Event, reach: Reach) -> list[Link]:
    """Return links to what the user may do with an event."""
    wanted = [
        (Right.CHANGE_EVENTS, _("Edit event"), "edit", _change_page(event)),
        (Right.SEE_ORDERS, _("Orders"), "receipt_long", _list_of("orders_order", event)),
        (Right.SEE_ORDERS, _("Financial report"), "account_balance", _report_of(event)),
        (Right.EXPORT, _("Export"), "download", _export_of(event)),
        (Right.CHANGE_ORDERS, _("Box office"), "point_of_sale", _box_office_of(event)),
        (Right.RUN_DOOR, _("Check-in list"), "how_to_reg", _check_in_list_of(event)),
        (Right.RUN_DOOR, _("Live door"), "monitor_heart", _live_door_of(event)),
    ]
    return [
        Link(text, url, icon) for right, text, icon, url in wanted if reach.covers(event, right)
    ]


def show_when(event: Event) -> str:
    """Return when an event starts, by the clock at the venue."""
    return formats.date_format(
        event.starts_at.astimezone(zone_named(event.timezone)), "SHORT_DATETIME_FORMAT"
    )


def count_down(event: Event, *, now: datetime) -> str:
    """Return how far away an event is, in days of its own time zone."""
    zone = zone_named(event.timezone)
    days = (event.starts_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if event.ends_at <= now:
        return _("is over")
    if event.starts_at <= now:
        return _("is running now")
    if days == 0:
        return _("today")
    if days == 1:
        return _("tomorrow")
    return ngettext("in %(days)d day", "in %(days)d days", days) % {"days": days}


def is_today(event: Event, *, now: datetime) -> bool:
    """Return whether an event runs now, or starts today by the clock at the venue."""
    zone = zone_named(event.timezone)
    same_day = event.starts_at.astimezone(zone).date() == now.astimezone(zone).date()
    return event.ends_at > now and (same_day or event.starts_at <= now)


def _change_page(event: Event) -> str:
    return reverse("admin:events_event_change", args=[event.pk])


def _report_of(event: Event) -> str:
    return reverse("admin:orders_ledgerentry_report") + f"?event={event.pk}"


def _export_of(event: Event) -> str:
    return reverse("admin:reports_export_add") + f"?event={event.pk}"


def _box_office_of(event: Event) -> str:
    return reverse("admin:orders_boxofficesale_event", args=[event.pk])


def _check_in_list_of(event: Event) -> str:
    return reverse("admin:tickets_device_check_in", args=[event.pk])


def _live_door_of(event: Event) -> str:
    return reverse("admin:tickets_device_live", args=[event.pk])


def _list_of(model: str, event: Event) -> str:
    return reverse(f"admin:{model}_changelist") + f"?event__id__exact={event.pk}"


def _show_type(
    kind: TicketType, event: Event, left: dict[UUID, int], held: dict[UUID, int], sales: Sales
) -> ShownType:
    return ShownType(
        name=kind.name,
        price=format_money(kind.price, event.currency),
        capacity=kind.capacity,
        sold=kind.sold,
        held=held.get(kind.pk, 0) + kind.promised - kind.sold,
        left=left.get(kind.pk, 0),
        percent=percent_of(kind.sold, kind.capacity),
        returned=sales.returned,
        revenue=format_money(sales.revenue, event.currency),
    )


def percent_of(part: int, whole: int) -> int:
    """Return a part in percent. Only all of it is 100."""
    return part * _PERCENT // whole if whole else 0
