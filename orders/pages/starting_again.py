"""Starting again after an order has ended: the same tickets, as a new order."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from orders.models import Order, OrderStatus
from orders.pages.choice_form import field_of
from orders.pages.shown_order import state_of
from orders.pricing import check_on_sale
from ticketing.api.form_keys import FIELD, new_form_key
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
        "can_start_again": may_start_again(order, now) and _is_on_sale(order, now),
        "event_link": _event_link(order),
        "form_key_field": FIELD,
        "form_key": new_form_key(),
    }


def _is_on_sale(order: Order, now: datetime) -> bool:
    try:
        check_on_sale(order.event, now)
    except Refusal:
        return False
    return True


def _event_link(order: Order) -> str:
    """Return the address of the event's page, with the order's quantities in its form."""
    chosen = {field_of({"id": item.ticket_type_id}): item.quantity for item in order.items.all()}
    code = {"code": order.promo_text} if order.promo_text else {}
    return f"/e/{order.event.slug}?{urlencode(chosen | code)}"
