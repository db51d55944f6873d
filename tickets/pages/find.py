"""Find my tickets: a form for an address, and the list of its orders behind a mailed link."""

from datetime import datetime
from functools import wraps
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, gettext_lazy
from django.views.decorators.http import require_safe

from events.wording import show_money, show_start
from orders.models import Order, OrderStatus
from orders.page_link import link_token, order_path
from orders.pages.access import give_access, see_other
from ticketing import clock
from ticketing.address_form import AddressFormField
from ticketing.pages.shop import show_private_page, show_public_page
from tickets.models import OrderListMail
from tickets.order_list import (
    PAUSE,
    VALID,
    ask_for_orders,
    can_resend,
    find_listed_order,
    find_order_list,
    list_orders,
    resend_to_buyer,
)

_COOKIE: Final = "orders"
_PARAMETER: Final = "token"


class AddressForm(forms.Form):
    email = AddressFormField(label=gettext_lazy("Email address of the order"))


def find_tickets(request: HttpRequest) -> HttpResponse:
    """Take an address. The response is the same whether it has orders or not."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        ask_for_orders(
            email=form.cleaned_data["email"],
            language=get_language() or "pt-br",
            now=clock.now(),
        )
        return see_other("/find/sent")
    status = HTTPStatus.BAD_REQUEST if form.errors else HTTPStatus.OK
    return show_public_page(request, "tickets/find.html", {"form": form}, status=status)


@require_safe
def show_asked(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way, if the address has orders."""
    minutes = int(PAUSE.total_seconds() // 60)
    hours = int(VALID.total_seconds() // 3600)
    context = {"minutes": minutes, "hours": hours}
    return show_private_page(request, "tickets/find_sent.html", context)


def of_list(view: Any) -> Any:
    """
    Return a view for a path below `/find/<id>/` that gets the row as its second argument.

    The link's token moves from the address into a cookie of this list, as with orders.
    """

    @wraps(view)
    def answer(request: HttpRequest, list_id: str, **rest: Any) -> HttpResponse:
        now = clock.now()
        if _PARAMETER in request.GET:
            return _take_token(request, list_id, now)
        token = request.COOKIES.get(_COOKIE, "")
        asked = find_order_list(list_id=UUID(list_id), token=token, now=now)
        if asked is None:
            status = HTTPStatus.NOT_FOUND
            return show_private_page(request, "tickets/find_expired.html", {}, status=status)
        response: HttpResponse = view(request, asked, **rest)
        return response

    return answer


@of_list
def show_list(request: HttpRequest, asked: OrderListMail) -> HttpResponse:
    """Show the orders of the address. With a form, send the tickets of one of them again."""
    now = clock.now()
    if request.method == "POST":
        order = _chosen(asked, request.POST.get("order", ""))
        sent = order is not None and resend_to_buyer(order=order, now=now)
        return see_other(f"{request.path}?sent={order.code if order and sent else 'no'}")
    orders = list_orders(asked, now=now)
    context = {
        "email": asked.email,
        "orders": [_describe(order, now) for order in orders],
        "sent": request.GET.get("sent", ""),
        "codes": [order.code for order in orders],
    }
    return show_private_page(request, "tickets/found.html", context)


@require_safe
@of_list
def open_order(request: HttpRequest, asked: OrderListMail, order_id: str) -> HttpResponse:
    """Lead to the page of an order, which this browser may open from now on."""
    order = _chosen(asked, order_id)
    if order is None:
        return see_other(f"/find/{asked.pk}/")
    response = see_other(order_path(order.pk))
    return give_access(request, response, order_id=order.pk, token=link_token(order))


def _take_token(request: HttpRequest, list_id: str, now: datetime) -> HttpResponse:
    token = request.GET[_PARAMETER]
    response = see_other(request.path)
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    # A wrong link must not replace the cookie of the right one.
    if find_order_list(list_id=UUID(list_id), token=token, now=now) is not None:
        response.set_cookie(
            _COOKIE,
            token,
            max_age=int(VALID.total_seconds()),
            path=f"/find/{list_id}/",
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


def _chosen(asked: OrderListMail, order_id: str) -> Order | None:
    try:
        return find_listed_order(asked, UUID(order_id), now=clock.now())
    except ValueError:
        return None


def _describe(order: Order, now: datetime) -> dict[str, Any]:
    event = order.event
    return {
        "code": order.code,
        "id": order.pk,
        "event": event.name,
        "place": f"{event.venue}, {event.city}",
        "start": show_start(event),
        "is_over": event.ends_at <= now,
        "status": order.get_status_display(),
        "is_good": order.status == OrderStatus.PAID,
        "count": vars(order)["count"],
        "total": show_money(order.total, order.currency),
        "can_resend": can_resend(order, now=now),
    }
