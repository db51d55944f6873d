"""The page on which the buyer of a free order confirms an email address."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import translation

from events.models import EventStatus
from orders.confirmation import ConfirmationNotValid, confirm_email, order_to_confirm
from orders.limits import MaxPerCustomerExceeded
from orders.models import Order, OrderStatus
from orders.page_link import link_token, order_path
from orders.pages.access import give_access, see_other
from orders.pages.shown_order import describe_order, milliseconds_until, state_of
from ticketing import clock
from ticketing.errors import Conflict
from ticketing.pages.shop import language_for, show_private_page

_COOKIE: Final = "confirm"
_PARAMETER: Final = "token"
_KEPT_SECONDS: Final = 24 * 3600
# Refusals that leave the order reserved. The page must show the refusal and no button.
_REFUSED_BUT_RESERVED: Final = frozenset({MaxPerCustomerExceeded.code, "sold_out"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")

View = Callable[..., HttpResponseBase]


def beside_the_page(api: View) -> View:
    """
    Return a view that serves the page to browsers and passes other requests to the `api` view.

    GET, HEAD and POST of a form are the browser's; a POST of any other content type is the API's.
    As with orders, the link's token moves from the address into a cookie of this path.
    """

    @wraps(api)
    def answer(request: HttpRequest, order_id: str) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            if _PARAMETER in request.GET:
                return _take_token(request, UUID(order_id))
            return _show(request, UUID(order_id), request.COOKIES.get(_COOKIE, ""))
        if request.method == "POST" and request.content_type in _FORMS:
            return _confirm(request, UUID(order_id), request.POST.get(_PARAMETER, ""))
        return api(request, order_id=order_id)

    # The token in the form protects against forged requests: another site cannot know it.
    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def read_confirmation_state(request: HttpRequest, order_id: str) -> HttpResponse:
    """Return the order's state as JSON, for the script of the page."""
    order = _find(UUID(order_id), request.COOKIES.get(_COOKIE, ""))
    if order is None:
        return JsonResponse({}, status=HTTPStatus.NOT_FOUND)
    now = clock.now()
    left = milliseconds_until(order.reserved_until, now)
    return JsonResponse({"state": state_of(order, now), "left": left})


def _take_token(request: HttpRequest, order_id: UUID) -> HttpResponse:
    token = request.GET[_PARAMETER]
    response = see_other(request.path)
    # The address with the token must not reach other sites.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    if _find(order_id, token) is not None:
        response.set_cookie(
            _COOKIE,
            token,
            max_age=_KEPT_SECONDS,
            path=request.path,
            secure=request.is_secure(),
            httponly=True,
            samesite="Lax",
        )
    return response


def _confirm(request: HttpRequest, order_id: UUID, token: str) -> HttpResponse:
    try:
        confirm_email(order_id=order_id, token=token, now=clock.now())
    except (ConfirmationNotValid, Conflict) as refused:
        return _show(request, order_id, token, refused=refused.code)
    # Shows what has become of the order.
    return _show(request, order_id, token)


def _show(request: HttpRequest, order_id: UUID, token: str, *, refused: str = "") -> HttpResponse:
    """Show the button that confirms. Change nothing: mail scanners open links too."""
    order = _find(order_id, token)
    if order is None:
        with translation.override(language_for(request)):
            page = "orders/confirmation_unknown.html"
            return show_private_page(request, page, {}, status=HTTPStatus.NOT_FOUND)
    if not _is_open(order):
        # The reader of the mail has proved that the address is theirs.
        response = see_other(order_path(order.pk))
        return give_access(request, response, order_id=order.pk, token=link_token(order))
    with translation.override(_language_of(request, order)):
        state = refused if refused in _REFUSED_BUT_RESERVED else "waiting"
        context = describe_order(order, clock.now()) | {"confirming": state, "token": token}
        return show_private_page(request, "orders/confirmation.html", context)


def _find(order_id: UUID, token: str) -> Order | None:
    try:
        return order_to_confirm(order_id=order_id, token=token)
    except ConfirmationNotValid:
        return None


def _is_open(order: Order) -> bool:
    is_reserved = order.status == OrderStatus.RESERVED and order.reserved_until > clock.now()
    return is_reserved and order.event.status == EventStatus.PUBLISHED


def _language_of(request: HttpRequest, order: Order) -> str:
    """Return the language that the reader has chosen on our pages, else that of the mail."""
    has_chosen = "lang" in request.GET or settings.LANGUAGE_COOKIE_NAME in request.COOKIES
    return language_for(request) if has_chosen else order.language
