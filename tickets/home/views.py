"""The pages beside the home page: the search, and the dashboard of an event."""

from typing import Any, cast

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from events.access import within_rights
from events.admin.base import rows_of_key
from events.models import Event
from events.reach import read_reach
from events.roles import Right
from orders.figures import sales_by_time
from orders.models import Order
from orders.order_figures import OrderCounts, count_orders
from ticketing import clock
from ticketing.clock import zone_named
from ticketing.models import User
from ticketing.staff import close_first_steps
from tickets.figures import read_entries
from tickets.finding import MOST_FOUND, find_anything
from tickets.home.board import draw_entries, show_orders, show_sales_chart
from tickets.home.charts import REST
from tickets.home.shown_events import links_of, percent_of, show_event, with_types
from tickets.models import Ticket
from tickets.ticket_codes import readable_codes
from tickets.wording import say_status

_DAYS = (1, 7, 30, 90)
_USUAL_DAYS = 30


def find(request: HttpRequest) -> HttpResponse:
    """Show the orders and tickets that match what a member has typed into the search box."""
    text = request.GET.get("q", "").strip()
    # A member who sees an event sees its tickets, but perhaps not its buyers.
    orders, tickets = (
        within_rights(
            model.objects.all(),
            request.user,
            right,
            organizer_path="event__organizer",
            event_path="event",
        )
        for model, right in ((Order, Right.SEE_ORDERS), (Ticket, Right.SEE_EVENTS))
    )
    found = find_anything(text, orders=orders, tickets=tickets)
    codes = readable_codes(found.tickets)
    return _page(
        request,
        "home/find.html",
        title=_("Search"),
        q=text,
        found=found,
        orders=show_orders(found.orders),
        most=MOST_FOUND,
        tickets=[
            {"ticket": ticket, "code": codes.get(ticket.pk), "status": say_status(ticket)}
            for ticket in found.tickets
        ],
    )


def dashboard(request: HttpRequest, event_id: str) -> HttpResponse:
    """
    Show the sales, the stock and the entries of one event.

    :raises Http404: if there is no such event, or the user may not see it
    """
    reach = read_reach(request.user)
    found = rows_of_key(with_types(reach.events_with(Right.SEE_EVENTS)), event_id)
    event: Event | None = found.first()
    if event is None:
        raise Http404
    now, zone = clock.now(), zone_named(event.timezone)
    wanted = request.GET.get("days", "")
    days = next((each for each in _DAYS if str(each) == wanted), _USUAL_DAYS)
    with timezone.override(zone):
        sales = sales_by_time(Event.objects.filter(pk=event.pk), days=days, now=now, zone=zone)
        entries, orders = read_entries(event), count_orders(event)
        return _page(
            request,
            "home/event.html",
            title=event.name,
            shown=show_event(event, now=now),
            choices=[
                {"days": each, "name": _name_of(each), "is_shown": each == days} for each in _DAYS
            ],
            orders=orders,
            paid_percent=percent_of(orders.paid, orders.reserved),
            parts=_parts_of(orders),
            entries=entries,
            entries_chart=draw_entries(entries, event),
            entries_name=_("Admissions by quarter of an hour"),
            entries_time=_("starting at"),
            no_entries=_("Nobody has entered yet."),
            links=links_of(event, reach),
            **show_sales_chart(sales, with_event=False),
        ).render()


@require_POST
def hide_first_steps(request: HttpRequest) -> HttpResponse:
    """Close the list of first steps for the user, and go back to the home page."""
    close_first_steps(user_id=cast(User, request.user).pk, now=clock.now())
    return redirect("admin:index")


def _name_of(days: int) -> str:
    return _("Today") if days == 1 else _("%(days)d days") % {"days": days}


def _parts_of(orders: OrderCounts) -> list[dict[str, Any]]:
    """Return how the orders of an event went on, with the color of each in its bar."""
    parts = [
        (_("Paid"), orders.paid, 1),
        (_("Still open"), orders.open, 2),
        (_("Expired"), orders.expired, REST),
        (_("Payment declined"), orders.declined, 0),
        (_("Cancelled by the buyer"), orders.cancelled, REST),
    ]
    return [
        {
            "name": name,
            "count": count,
            "color": color,
            "percent": percent_of(count, orders.reserved),
        }
        for name, count, color in parts
    ]


def _page(request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
