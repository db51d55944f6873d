"""The notice on an event's page that this browser holds or pays for tickets of the event."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.db.models import Q, Sum
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from events.models import Event, EventStatus
from events.wording import show_hour, show_start
from orders.answers import with_asks_required
from orders.models import Order, OrderStatus
from orders.pages.next_step import next_step
from orders.pages.shown_order import state_of
from ticketing import clock
from ticketing.api.limits import count_read
from ticketing.clock import zone_named
from ticketing.pages.kept import is_for_all

_COOKIE: Final = "hold"
_SALT: Final = "orders.own_hold"


def remember_hold(request: HttpRequest, response: HttpResponse, order: Order) -> HttpResponse:
    """
    Let the event's page tell this browser of a reservation until it ends. Return the response.

    The cookie names the order and opens nothing: the order's pages want the cookie of their own.
    """
    left = (order.reserved_until - clock.now()).total_seconds()
    response.set_cookie(
        _COOKIE,
        Signer(salt=_SALT).sign(str(order.pk)),
        max_age=max(0, int(left)),
        path=reverse("event_page", args=[order.event.slug]),
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def show_own_hold(request: HttpRequest, event: Event) -> str:
    """
    Return the HTML of the notice for this browser, or "" if it holds no tickets of the event.

    Tickets that are being paid for are held too: who came back would else pay for others.
    """
    order_id = _remembered(request)
    if order_id is None or event.status != EventStatus.PUBLISHED:
        return ""
    # The middleware has not counted it, because for other readers it costs no query.
    if is_for_all(request) and count_read(request) is not None:
        return ""
    now = clock.now()
    orders = with_asks_required(Order.objects.select_related("event", "pix", "confirmation"))
    held = Q(status=OrderStatus.RESERVED, reserved_until__gt=now)
    own = orders.filter(held | Q(status=OrderStatus.PROCESSING), pk=order_id, event=event)
    order = own.annotate(count=Sum("items__quantity")).first()
    return render_to_string("orders/own_hold.html", _describe(order, now)) if order else ""


def _describe(order: Any, now: datetime) -> dict[str, Any]:
    until = order.reserved_until.astimezone(zone_named(order.event.timezone))
    return {
        "count": order.count,
        "until": show_hour(until),
        "zone": show_start(order.event)["zone"],
        "next_step": next_step(order, now),
        "is_free": order.total == 0,
        "is_processing": order.status == OrderStatus.PROCESSING,
        "is_to_pay": order.total > 0 and state_of(order, now) == OrderStatus.RESERVED,
    }


def _remembered(request: HttpRequest) -> UUID | None:
    try:
        return UUID(Signer(salt=_SALT).unsign(request.COOKIES.get(_COOKIE, "")))
    except BadSignature:
        return None
