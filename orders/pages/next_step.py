"""Where the buyer of an order goes on: what is asked first, or the page of the order."""

from datetime import datetime

from django.urls import reverse

from orders.answers import needs_answers
from orders.holders import needs_names
from orders.models import Order, OrderStatus
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
    return order_path(order.pk)
