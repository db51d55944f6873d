"""The page on which the reader of a reminder asks for no more of them."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from ticketing import clock
from ticketing.pages.shop import show_private_page
from tickets.models import Transfer
from tickets.notices.reminders import stop_reminders, wants_no_reminders
from tickets.pages.accepting import of_transfer
from tickets.transfers.links import transfer_path


@of_order
def choose_reminders(request: HttpRequest, order: Order) -> HttpResponse:
    """Show whether an order's address gets reminders, or stop them. A link alone stops none."""
    return _choose(request, order, order.customer_email, order_path(order.pk))


@of_transfer
def choose_holders_reminders(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Show whether the address of a ticket's new holder gets reminders, or stop them."""
    return _choose(request, transfer.ticket.order, transfer.email, transfer_path(transfer))


def _choose(request: HttpRequest, order: Order, address: str, back: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST":
        stop_reminders(address=address, now=clock.now())
        return see_other(request.path)
    context = {
        "address": address,
        "back": back,
        "is_order": back == order_path(order.pk),
        "organizer": order.event.organizer,
        "are_stopped": wants_no_reminders(address),
    }
    return show_private_page(request, "tickets/reminders.html", context)
