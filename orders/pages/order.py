"""The page of an order: what happens with it now, and what its buyer can do next."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse

from events.wording import show_hour
from orders.access import buyer_of
from orders.cancellation import cancel_order
from orders.confirmation import accept_payment
from orders.declines import say_decline
from orders.gateway import get_checkout
from orders.models import Order, OrderStatus, PaymentMethod, PixState
from orders.page_link import order_path
from orders.pages.access import of_order, see_other, show_instead
from orders.pages.choosing import lead_to_order
from orders.pages.consent import agreed_in, describe_terms
from orders.pages.contact_form import offers_correction
from orders.pages.own_orders import remember_order
from orders.pages.refusals import say_refusal
from orders.pages.shown_order import describe_order, is_ready, milliseconds_until, state_of
from orders.pages.starting_again import (
    describe_start_again,
    may_start_again,
    reserve_same_tickets,
)
from orders.pages.ways import choose_way, ways_for
from orders.payment import PaymentNotAccepted
from orders.required_details import needs_details
from ticketing import clock
from ticketing.api.form_keys import act_once
from ticketing.api.idempotency import ResponseStore
from ticketing.api.problems import status_and_words
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from ticketing.pages.sections import Place, render_sections
from ticketing.pages.shop import show_private_page


class _PaymentForm(forms.Form):
    method = forms.CharField(max_length=8)
    token = forms.CharField(max_length=200, required=False)


@of_order
def show_order_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Show an order to its buyer, in whatever status it is."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return _show(request, order)


@of_order
def show_status(request: HttpRequest, order: Order) -> HttpResponse:
    """Return the order's state as JSON, for the script of its page."""
    now = clock.now()
    return JsonResponse(
        {
            "state": state_of(order, now),
            "left": milliseconds_until(order.reserved_until, now),
            "ready": is_ready(order),
        }
    )


@of_order
def pay(request: HttpRequest, order: Order) -> HttpResponse:
    """Confirm the payment by the sent form, or request the mail that confirms a free order."""

    def act(responses: ResponseStore) -> dict[str, Any]:
        form = _PaymentForm(request.POST)
        ways = {way.method for way in ways_for(order) if way.is_paid_here}
        if not form.is_valid() or form.cleaned_data["method"] not in ways:
            raise PaymentNotAccepted("This order cannot be paid in that way.", pointer="#/method")
        accept_payment(
            order=order,
            method=form.cleaned_data["method"],
            token=form.cleaned_data["token"],
            now=clock.now(),
            store_response=lambda: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
            agreed=agreed_in(request.POST),
        )
        return {}

    return _act(request, order, act)


@of_order
def cancel(request: HttpRequest, order: Order) -> HttpResponse:
    """Cancel a reservation, so that its tickets are back on sale at once."""

    def act(responses: ResponseStore) -> dict[str, Any]:
        cancel_order(
            order_id=order.pk,
            actor=buyer_of(order),
            now=clock.now(),
            store_response=lambda: responses.store(HTTPStatus.SEE_OTHER, {}, {}),
        )
        return {}

    return _act(request, order, act)


@of_order
def reserve_again(request: HttpRequest, order: Order) -> HttpResponse:
    """Reserve the tickets of an order that has ended once more, as a new order."""
    if request.method in ("GET", "HEAD"):
        return show_instead(request, order_path(order.pk))
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not may_start_again(order, clock.now()):
        return see_other(order_path(order.pk))
    try:
        _new, reserved = reserve_same_tickets(request, order)
    except Refusal as refusal:
        return _show(request, order, refusal)
    declined = order.status == OrderStatus.PAYMENT_FAILED
    # After a payment that failed, the way to pay is what a buyer wants to choose anew.
    return lead_to_order(request, reserved, part="#ways" if declined else "")


def _act(
    request: HttpRequest, order: Order, act: Callable[[ResponseStore], dict[str, Any]]
) -> HttpResponse:
    if request.method in ("GET", "HEAD"):
        return show_instead(request, order_path(order.pk))
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        act_once(request, act)
    except Refusal as refusal:
        # The verb may have expired the order.
        order.refresh_from_db(fields=["status"])
        return _show(request, order, refusal)
    return see_other(order_path(order.pk))


def _show(request: HttpRequest, order: Order, refusal: Refusal | None = None) -> HttpResponse:
    now = clock.now()
    context = describe_order(order, now)
    payment = getattr(order, "payment", None)
    context |= describe_terms(order) | describe_start_again(order, now)
    ways = ways_for(order) if context["state"] == OrderStatus.RESERVED else []
    by_card = any(way.method == PaymentMethod.CARD for way in ways)
    checkout = get_checkout() if by_card else None
    context |= {
        "sections": render_sections(Place.ORDER, request, order),
        "ways": ways,
        "chosen_way": choose_way(ways, request.POST or request.GET),
        "checkout_scripts": checkout.scripts if checkout is not None else [],
        "needs_details": context["state"] == OrderStatus.RESERVED and needs_details(order, now),
        "refusal": say_refusal(refusal) if refusal is not None else "",
        "can_correct": offers_correction(request, order, now),
        "decline": say_decline(payment.decline_code) if payment is not None else "",
        "is_ready": is_ready(order),
        "pix_until": _pix_payable_until(order, now),
    }
    status = status_and_words(type(refusal))[0] if refusal is not None else HTTPStatus.OK
    sources = checkout.sources if checkout is not None else {}
    page = show_private_page(request, "orders/order.html", context, status=status, sources=sources)
    return remember_order(request, page, order) if order.status == OrderStatus.PAID else page


def _pix_payable_until(order: Order, now: datetime) -> str:
    """Return the time until which banks still take money for the order's Pix, or ""."""
    pix = getattr(order, "pix", None)
    if pix is None or pix.state != PixState.WAITING or pix.expires_at <= now:
        return ""
    return show_hour(pix.expires_at.astimezone(zone_named(order.event.timezone)))
