"""Access to an order's pages: by a token that moves from a link into a cookie of that order."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect

from orders.models import Order
from orders.openings import note_opening
from orders.page_link import is_of_mail, opens_order, order_path
from ticketing import clock
from ticketing.pages.shop import show_private_page

_COOKIE: Final = "order"
_PARAMETER: Final = "token"
# Of a shared computer the cookie leaves after a month. The links in the mails stay.
KEPT_SECONDS: Final = 30 * 24 * 3600

View = Callable[..., HttpResponseBase]


def of_order(view: View) -> View:
    """
    Return a view for a path below `/o/<order id>/` that gets the order as its second argument.

    A token in the address moves into a cookie, and the browser is sent to the address without it.
    Without a valid cookie the response is the same for unknown and for other people's orders.
    """

    @wraps(view)
    def answer(request: HttpRequest, order_id: str, **rest: Any) -> HttpResponseBase:
        order = _find(UUID(order_id))
        if _PARAMETER in request.GET:
            return _take_token(request, UUID(order_id), order)
        if order is None or not opens_order(order, request.COOKIES.get(_COOKIE, "")):
            return show_private_page(
                request, "orders/no_access.html", {}, status=HTTPStatus.NOT_FOUND
            )
        return view(request, order, **rest)

    return answer


def give_access(
    request: HttpRequest, response: HttpResponse, *, order_id: UUID, token: str
) -> HttpResponse:
    """Let this browser open the order's pages, and no others with it. Return the response."""
    response.set_cookie(
        _COOKIE,
        token,
        max_age=KEPT_SECONDS,
        path=order_path(order_id),
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


def comes_from_mail(request: HttpRequest, order: Order) -> bool:
    """Return whether this browser opens the order by a link that was mailed to its address."""
    return is_of_mail(order, request.COOKIES.get(_COOKIE, ""))


def see_other(address: str) -> HttpResponse:
    """Redirect after a form: reloading the next page does not send the form again."""
    response = HttpResponseRedirect(address)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def show_instead(request: HttpRequest, address: str) -> HttpResponse:
    """
    Lead a browser that opens the address of a form to the page with that form.

    After a refusal the page stands at that address: reloading it, or its language links, lead here.
    """
    query = request.GET.urlencode()
    return see_other(f"{address}?{query}" if query else address)


def _take_token(request: HttpRequest, order_id: UUID, order: Order | None) -> HttpResponse:
    query = request.GET.copy()
    token = str(query.pop(_PARAMETER)[-1])
    response = see_other(f"{request.path}?{query.urlencode()}" if query else request.path)
    # The address with the token must not reach other sites.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    if order is not None and opens_order(order, token):
        give_access(request, response, order_id=order_id, token=token)
        # A HEAD comes from a program that checks links, not from a reader.
        if request.method == "GET" and is_of_mail(order, token):
            note_opening(order=order, token=token, now=clock.now())
    return response


def _find(order_id: UUID) -> Order | None:
    orders = Order.objects.select_related(
        "event__organizer", "payment", "pix", "confirmation", "delivery", "shop_record"
    )
    return orders.prefetch_related("items__ticket_type").filter(pk=order_id).first()
