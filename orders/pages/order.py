"""The page of an order: what happens with it now, and what its buyer can do next."""

from django.http import HttpRequest, HttpResponse

from orders.models import Order
from orders.pages.access import of_order
from orders.pages.shown_order import describe_order
from ticketing import clock
from ticketing.pages.sections import Place, render_sections
from ticketing.pages.shop import show_private_page


@of_order
def show_order_page(request: HttpRequest, order: Order) -> HttpResponse:
    """Show an order to its buyer, in whatever status it is."""
    context = describe_order(order, clock.now())
    sections = render_sections(Place.ORDER, request, order)
    return show_private_page(request, "orders/order.html", context | {"sections": sections})
