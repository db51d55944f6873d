"""The page on which the reader of a reminder asks for no more of them, or for them again."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import comes_from_mail, of_order, see_other
from ticketing import clock
from ticketing.pages.shop import show_private_page
from tickets.models import Transfer
from tickets.notices.reminders import resume_reminders, stop_reminders, wants_no_reminders
from tickets.pages.accepting import of_transfer
from tickets.transfers.links import transfer_path


@of_order
def choose_reminders(request: HttpRequest, order: Order) -> HttpResponse:
    """
    Show whether an order's address gets reminders, stop them or resume them. A link alone does not.

    The choice is the address's, for all organizers, and anybody can reserve with the address of
    somebody else. So only a browser that has opened a mailed link gets this page.
    """
    if not comes_from_mail(request, order):
        return see_other(order_path(order.pk))
    return _choose(request, order, order.customer_email, order_path(order.pk))


@of_transfer
def choose_holders_reminders(request: HttpRequest, transfer: Transfer) -> HttpResponse:
    """Show whether the address of a ticket's new holder gets reminders, stop or resume them."""
    return _choose(request, transfer.ticket.order, transfer.email, transfer_path(transfer))


def _choose(request: HttpRequest, order: Order, address: str, back: str) -> HttpResponse:
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST":
        if request.POST.get("remind") == "yes":
            resume_reminders(address=address)
        else:
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
