"""The page on which the reader of a reminder asks for no more of them."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from ticketing import clock
from ticketing.pages.shop import show_private_page
from tickets.notices.reminders import stop_reminders, wants_no_reminders


@of_order
def choose_reminders(request: HttpRequest, order: Order) -> HttpResponse:
    """Show whether an order's address gets reminders, or stop them. A link alone stops none."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    if request.method == "POST":
        stop_reminders(address=order.customer_email, now=clock.now())
        return see_other(request.path)
    context = {
        "order": order,
        "path": order_path(order.pk),
        "are_stopped": wants_no_reminders(order.customer_email),
    }
    return show_private_page(request, "tickets/reminders.html", context)
