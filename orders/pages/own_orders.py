"""The notice on an event's page of what this browser holds, pays for or has bought there."""

from collections.abc import Iterator
from datetime import datetime, timedelta
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
from orders.pages.access import KEPT_SECONDS
from orders.pages.next_step import next_step
from orders.pages.shown_order import state_of
from ticketing import clock
from ticketing.api.limits import count_as
from ticketing.clock import zone_named
from ticketing.pages.kept import is_for_all

# A cookie for each order, not a list in one: its path is the event's page, so that a page which
# reserves again does not receive the earlier ones and cannot add to them.
_PREFIX: Final = "own-"
_SALT: Final = "orders.own_orders"
# Only the newest orders: the headers of a browser that sells all day, in a kiosk, must not grow.
_MOST: Final = 4


def remember_order(request: HttpRequest, response: HttpResponse, order: Order) -> HttpResponse:
    """
    Set a cookie by which the event's page finds this order again. Return the response.

    The cookie of a paid order lasts until its event ends, and no longer than the one that opens the
    order's pages. That of any other order lasts until its reservation ends. It names the order and
    gives no access: the order's pages need their own cookie.
    """
    is_paid = order.status == OrderStatus.PAID
    ends_at = order.event.ends_at if is_paid else order.reserved_until
    left = min(ends_at - clock.now(), timedelta(seconds=KEPT_SECONDS))
    path = reverse("event_page", args=[order.event.slug])
    name = _cookie_of(order)
    response.set_cookie(
        name,
        Signer(salt=_SALT).sign(str(order.pk)),
        max_age=max(0, int(left.total_seconds())),
        path=path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    for old in sorted({*_cookies(request), name}, reverse=True)[_MOST:]:
        response.delete_cookie(old, path=path, samesite="Lax")
    return response


def show_own_orders(request: HttpRequest, event: Event) -> str:
    """
    Return the HTML of the notice for this browser, or "" if it has no tickets of the event.

    Orders whose payment is being processed are included, so that a returning buyer does not reserve
    and pay again.
    """
    ids = list(_remembered(request))
    if not ids or event.status != EventStatus.PUBLISHED:
        return ""
    # The middleware has not counted it, because for other readers it costs no query.
    if is_for_all(request) and count_as("read", request) is not None:
        return ""
    now = clock.now()
    orders = with_asks_required(Order.objects.select_related("event", "pix", "confirmation"))
    held = Q(status=OrderStatus.RESERVED, reserved_until__gt=now)
    had = Q(status__in=[OrderStatus.PROCESSING, OrderStatus.PAID])
    own = orders.filter(held | had, pk__in=ids, event=event)
    found = own.annotate(count=Sum("items__quantity")).order_by("created_at", "pk")
    described = [_describe(order, now) for order in found]
    if not described:
        return ""
    return render_to_string(
        "orders/own_orders.html",
        {
            "open": [each for each in described if not each["is_paid"]],
            "paid": [each for each in described if each["is_paid"]],
        },
    )


def _describe(order: Any, now: datetime) -> dict[str, Any]:
    until = order.reserved_until.astimezone(zone_named(order.event.timezone))
    return {
        "count": order.count,
        "until": show_hour(until),
        "zone": show_start(order.event)["zone"],
        "next_step": next_step(order, now),
        "is_free": order.total == 0,
        "is_paid": order.status == OrderStatus.PAID,
        "is_processing": order.status == OrderStatus.PROCESSING,
        "is_to_pay": order.total > 0 and state_of(order, now) == OrderStatus.RESERVED,
    }


def _cookie_of(order: Order) -> str:
    return f"{_PREFIX}{order.pk.hex}"


def _cookies(request: HttpRequest) -> list[str]:
    """Return the names of such cookies, the newest order's first: ids begin with their time."""
    return sorted((name for name in request.COOKIES if name.startswith(_PREFIX)), reverse=True)


def _remembered(request: HttpRequest) -> Iterator[UUID]:
    for name in _cookies(request)[:_MOST]:
        try:
            yield UUID(Signer(salt=_SALT).unsign(request.COOKIES[name]))
        except BadSignature:
            continue
