"""Where a buyer goes on: what is asked first, a Pix that waits, or the page of the order."""

from datetime import datetime

from django.urls import reverse

from orders.answers import needs_answers
from orders.holders import needs_names
from orders.models import Order, OrderStatus, PixState
from orders.page_link import order_path
from orders.pages.shown_order import state_of


def next_step(order: Order, now: datetime) -> str:
    """Return the path of the page on which the buyer goes on."""
    if state_of(order, now) == OrderStatus.RESERVED:
        if needs_answers(order, now):
            return reverse("details_page", args=[order.pk])
        if needs_names(order, now):
            # Of the app above. Without it nobody could name anybody.
            return reverse("names_page", args=[order.pk])
        pix = getattr(order, "pix", None)
        if pix is not None and pix.state == PixState.WAITING:
            # The buyer may be paying it right now, and must not be asked again how to pay.
            return reverse("pix_page", args=[order.pk])
    return order_path(order.pk)
