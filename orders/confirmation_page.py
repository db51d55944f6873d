"""Where a buyer confirms the address: the page of a mail's link, and the same for programs."""

from collections.abc import Callable
from functools import partial, wraps
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.models import EventStatus
from orders.confirmation import ConfirmationNotValid, confirm_email, order_to_confirm
from orders.limits import MaxPerCustomerExceeded
from orders.mail import describe_free_order
from orders.models import Order, OrderStatus
from orders.payment import REFUSALS as PAYING_REFUSALS
from orders.serializers import OrderShown, show_order
from ticketing import clock
from ticketing.api.fields import LineField, StrictSerializer
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.requests import language_of
from ticketing.api.schema import operation
from ticketing.errors import Conflict

_FOR_NOW: Final = frozenset({MaxPerCustomerExceeded.code, "sold_out"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
# The link is a secret: send no referrer to other sites, and let none show the page in a frame.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}

View = Callable[..., HttpResponseBase]


class ConfirmationSent(StrictSerializer):
    """What the link of the confirmation mail carries."""

    token = LineField(max_length=200)


class OrderConfirmation(APIView):
    @operation(
        "confirm_email",
        anyone=True,
        takes=ConfirmationSent,
        answers={202: OrderShown},
        # The path takes only ids that are UUIDs.
        refusals=[Http404, ConfirmationNotValid, *PAYING_REFUSALS, *KEY_REFUSALS],
        parameters=[KEY],
        examples={"The link's token": {"token": "cnf_3b1d6f1f2c4e…"}},
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Confirm the email address of a free order, by the token of the mail's link. Twice is once.

        The buyer does so on the page of the link, which is at this path too. It is here for shops
        that show a page of their own.
        """
        return answer_once(request, partial(self._confirm, request, order_id))

    def _confirm(self, request: Request, order_id: UUID, responses: ResponseStore) -> Response:
        wish = ConfirmationSent(data=request.data)
        wish.is_valid(raise_exception=True)
        shown: dict[str, Any] = {}

        def store_response(order: Order) -> None:
            shown.update(show_order(order))
            responses.store(202, shown, {})

        token = wish.validated_data["token"]
        confirm_email(
            order_id=order_id, token=token, now=clock.now(), store_response=store_response
        )
        return Response(shown, status=202)


def beside_the_page(api: View) -> View:
    """
    Return the view of a path that a person opens and a program posts to.

    A form of ours is not JSON, so it is told apart by its type.
    """

    @wraps(api)
    def answer(request: HttpRequest, order_id: str) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return _show(request, UUID(order_id), request.GET.get("token", ""))
        if request.method == "POST" and request.content_type in _FORMS:
            return _confirm(request, UUID(order_id), request.POST.get("token", ""))
        return api(request, order_id=order_id)

    # The token itself is what no other site can know.
    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def _confirm(request: HttpRequest, order_id: UUID, token: str) -> HttpResponse:
    try:
        confirm_email(order_id=order_id, token=token, now=clock.now())
    except (ConfirmationNotValid, Conflict) as refused:
        # The page says which.
        return _show(request, order_id, token, refused=refused.code)
    # So that reloading the page confirms nothing again.
    response = HttpResponseRedirect(f"{request.path}?token={token}")
    response.status_code = HTTPStatus.SEE_OTHER
    return _guard(response)


def _show(request: HttpRequest, order_id: UUID, token: str, *, refused: str = "") -> HttpResponse:
    """Say how it stands. Scanners of mail open links, too: nothing changes."""
    try:
        order = order_to_confirm(order_id=order_id, token=token)
    except ConfirmationNotValid:
        words: dict[str, Any] = {"state": "unknown"}
        language, status = language_of(request), HTTPStatus.NOT_FOUND
    else:
        state = _state_of(order)
        # The order still waits, and another click would be refused as this one was.
        if state == "waiting" and refused in _FOR_NOW:
            state = refused
        words = {"state": state, "token": token}
        language, status = order.language, HTTPStatus.OK
    with translation.override(language):
        if status == HTTPStatus.OK:
            words |= describe_free_order(order)
        words["language"] = translation.get_language()
        return _guard(render(request, "orders/confirmation.html", words, status=status))


def _state_of(order: Order) -> str:
    if order.event.status != EventStatus.PUBLISHED:
        return "cancelled_event"
    if order.status in (OrderStatus.PROCESSING, OrderStatus.PAID):
        return "confirmed"
    if order.status == OrderStatus.RESERVED:
        return "waiting" if order.reserved_until > clock.now() else "expired"
    return "expired" if order.status == OrderStatus.EXPIRED else "cancelled"


def _guard(response: HttpResponse) -> HttpResponse:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response
