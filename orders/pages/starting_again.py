"""Starting again after an order has ended: the same tickets, as a new order."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import translation

from events.event_cache import take_event
from events.pages.sales import state_of_event
from orders.access import buyer_of
from orders.carrying import carry_details
from orders.insertion import Customer
from orders.models import Order, OrderStatus
from orders.pages.access import give_access
from orders.pages.choice_form import field_of
from orders.pages.choosing import Reserved, reserve_by_form
from orders.pages.own_orders import remember_order
from orders.pages.refusals import say_refusal
from orders.pages.shown_order import state_of
from orders.pricing import EventNotFound, WantedTickets
from ticketing import clock
from ticketing.api.form_keys import FIELD, new_form_key
from ticketing.api.limits import count_as
from ticketing.api.problems import status_and_words
from ticketing.errors import Refusal

_ENDED: Final = {
    OrderStatus.EXPIRED.value,
    OrderStatus.CANCELLED.value,
    OrderStatus.PAYMENT_FAILED.value,
}


def may_start_again(order: Order, now: datetime) -> bool:
    """Return whether the order has ended, so that its tickets may be reserved once more."""
    return state_of(order, now) in _ENDED


def describe_start_again(order: Order, now: datetime) -> dict[str, Any]:
    """Return the template context of `orders/start_again.html`."""
    return {
        "can_start_again": may_start_again(order, now)
        and state_of_event(order.event, now) == "on_sale",
        "event_link": _event_link(order),
        "form_key_field": FIELD,
        "form_key": new_form_key(),
    }


def reserve_same_tickets(request: HttpRequest, order: Order) -> tuple[Order, Reserved]:
    """
    Reserve the tickets of an ended order once more, and take over what its buyer has told.

    :raises Refusal: as `reserve_tickets`
    """
    cached = take_event(order.event_id)
    if cached is None:
        raise EventNotFound("The event is not on sale any more.")
    language = translation.get_language() or order.language
    customer = Customer(order.customer_name, order.customer_email, language)
    wanted = [WantedTickets(item.ticket_type_id, item.quantity) for item in order.items.all()]
    reserved = reserve_by_form(
        request, cached, wanted, customer, promo_code=order.promo_text, proof=""
    )
    orders = Order.objects.select_related("event__organizer")
    new = orders.prefetch_related("items__ticket_type").get(pk=reserved.order_id)
    carry_details(ended=order, order=new, actor=buyer_of(new), now=clock.now())
    return new, reserved


def send_again(
    request: HttpRequest,
    ended: Order,
    *,
    show: Callable[[str, int], HttpResponse],
    send: Callable[[Order], HttpResponse],
) -> HttpResponse:
    """
    Answer a form that was sent for an ended order.

    If the form says so, reserve the tickets again and send it for the new order. Else show it.

    :param show: shows the form as it was typed, with a sentence or "" and a status
    :param send: does what the form says, for the order that it is given
    """
    if request.POST.get("act") != "again":
        return show("", HTTPStatus.CONFLICT)
    if (refused := count_as("reserve", request)) is not None:
        return refused
    try:
        order, reserved = reserve_same_tickets(request, ended)
    except Refusal as refusal:
        return show(say_refusal(refusal), status_and_words(type(refusal))[0])
    response = remember_order(request, send(order), order)
    return give_access(request, response, order_id=order.pk, token=reserved.token)


def _event_link(order: Order) -> str:
    """Return the address of the event's page, with the order's quantities in its form."""
    chosen = {field_of({"id": item.ticket_type_id}): item.quantity for item in order.items.all()}
    code = {"code": order.promo_text} if order.promo_text else {}
    return f"/e/{order.event.slug}?{urlencode(chosen | code)}"
