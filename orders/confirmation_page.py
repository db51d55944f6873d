"""The page on which a buyer confirms an email address, and the same operation in the API."""

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
from orders.page_link import order_link
from orders.payment import REFUSALS as PAYING_REFUSALS
from orders.serializers import OrderShown, show_order
from ticketing import clock
from ticketing.api.fields import LineField, StrictSerializer
from ticketing.api.idempotency import KEY, KEY_REFUSALS, ResponseStore, answer_once
from ticketing.api.requests import language_of
from ticketing.api.schema import operation
from ticketing.errors import Conflict

# Refusals that leave the order reserved. The page must show the refusal and no button.
_REFUSED_BUT_RESERVED: Final = frozenset({MaxPerCustomerExceeded.code, "sold_out"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
# The link is a secret: no referrer may reveal it, and no other site may show the page in a frame.
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}

View = Callable[..., HttpResponseBase]


class ConfirmationSent(StrictSerializer):
    """The token from the link in the confirmation mail."""

    token = LineField(max_length=200)


class OrderConfirmation(APIView):
    @operation(
        "confirm_email",
        anyone=True,
        takes=ConfirmationSent,
        answers={202: OrderShown},
        # Http404: no URL matches if the id in the path is not a UUID.
        refusals=[Http404, ConfirmationNotValid, *PAYING_REFUSALS, *KEY_REFUSALS],
        parameters=[KEY],
        examples={"The link's token": {"token": "cnf_3b1d6f1f2c4e…"}},
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        """
        Confirm the email address of a free order by the token of the mail's link.

        A repeat with the same token succeeds and changes nothing. Buyers use the page of the link,
        which has the same path. This operation is for shops that show a page of their own.
        """
        return answer_once(request, partial(self._confirm, request, order_id))

    def _confirm(self, request: Request, order_id: UUID, responses: ResponseStore) -> Response:
        parsed = ConfirmationSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        shown: dict[str, Any] = {}

        def store_response(order: Order) -> None:
            shown.update(show_order(order))
            responses.store(202, shown, {})

        token = parsed.validated_data["token"]
        confirm_email(
            order_id=order_id, token=token, now=clock.now(), store_response=store_response
        )
        return Response(shown, status=202)


def beside_the_page(api: View) -> View:
    """
    Return a view that serves the page to browsers and passes other requests to the `api` view.

    GET, HEAD and POST of a form are the browser's; a POST of any other content type is the API's.
    """

    @wraps(api)
    def answer(request: HttpRequest, order_id: str) -> HttpResponseBase:
        if request.method in ("GET", "HEAD"):
            return _show(request, UUID(order_id), request.GET.get("token", ""))
        if request.method == "POST" and request.content_type in _FORMS:
            return _confirm(request, UUID(order_id), request.POST.get("token", ""))
        return api(request, order_id=order_id)

    # The token in the form protects against forged requests: another site cannot know it.
    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def _confirm(request: HttpRequest, order_id: UUID, token: str) -> HttpResponse:
    try:
        confirm_email(order_id=order_id, token=token, now=clock.now())
    except (ConfirmationNotValid, Conflict) as refused:
        return _show(request, order_id, token, refused=refused.code)
    # Redirect, so that reloading the page does not send the form again.
    response = HttpResponseRedirect(f"{request.path}?token={token}")
    response.status_code = HTTPStatus.SEE_OTHER
    return _guard(response)


def _show(request: HttpRequest, order_id: UUID, token: str, *, refused: str = "") -> HttpResponse:
    """Show the state of the confirmation. Change nothing: mail scanners open links too."""
    try:
        order = order_to_confirm(order_id=order_id, token=token)
    except ConfirmationNotValid:
        context: dict[str, Any] = {"state": "unknown"}
        language, status = language_of(request), HTTPStatus.NOT_FOUND
    else:
        state = _state_of(order)
        if state == "waiting" and refused in _REFUSED_BUT_RESERVED:
            state = refused
        context = {"state": state, "token": token}
        language, status = order.language, HTTPStatus.OK
    with translation.override(language):
        if status == HTTPStatus.OK:
            # The reader of the mail has proved that the address is theirs.
            context |= describe_free_order(order) | {"order_page": order_link(order)}
        context["language"] = translation.get_language()
        return _guard(render(request, "orders/confirmation.html", context, status=status))


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
