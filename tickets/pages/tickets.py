"""The page of an order's tickets, and what its buyer downloads from it."""

from pathlib import Path
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import http_date

from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from ticketing import clock
from ticketing.pages.shop import show_private_page
from tickets.documents.calendar_file import CALENDAR_TYPE, render_calendar
from tickets.documents.names import calendar_name, pdf_name
from tickets.documents.pdf import PDF_TYPE, Paper, render_pdf
from tickets.mail import is_the_buyers
from tickets.pages.files import send_file
from tickets.pages.shown_tickets import describe_tickets, has_tickets, kept_until, tickets_of
from tickets.ticket_codes import number_tickets

# The script that shows a copy of the page without a network. A browser lets a script answer only
# for addresses below its own, so each order has it below its own address, out of others' reach.
_WORKER: Final = (Path(__file__).parent / "offline_worker.js").read_text()


@of_order
def show_tickets(request: HttpRequest, order: Order) -> HttpResponse:
    """Show the tickets of a paid order with their QR codes."""
    if not has_tickets(order):
        return see_other(order_path(order.pk))
    context = describe_tickets(order, list(tickets_of(order)), now=clock.now())
    page = show_private_page(request, "tickets/tickets.html", context)
    # `offline_worker.js` keeps this page, and drops it then.
    page.headers["Expires"] = http_date(kept_until(order.event).timestamp())
    return page


@of_order
def download_pdf(request: HttpRequest, order: Order, number: str = "") -> HttpResponse:
    """
    Send the tickets of an order as a PDF, or the one of this number. `?paper=phone` is for phones.

    :raises Http404: if there is no such ticket, or none of them can be kept
    """
    tickets = list(tickets_of(order)) if has_tickets(order) else []
    numbers = number_tickets(tickets)
    chosen = [
        ticket.pk
        for ticket in tickets
        if is_the_buyers(ticket) and number in ("", str(numbers[ticket.pk]))
    ]
    if not chosen:
        raise Http404
    paper = Paper.PHONE if request.GET.get("paper") == Paper.PHONE else Paper.A4
    pdf = render_pdf(order=order, tickets=tickets, paper=paper, chosen=chosen)
    name = pdf_name(order, int(number) if number else None)
    return send_file(pdf, PDF_TYPE, name, as_attachment=False)


@of_order
def download_calendar(request: HttpRequest, order: Order) -> HttpResponse:
    """
    Send the event of a paid order for a calendar.

    :raises Http404: if the order is not paid
    """
    if not has_tickets(order):
        raise Http404
    file = render_calendar(order=order, now=clock.now())
    return send_file(file, CALENDAR_TYPE, calendar_name(order), as_attachment=True)


@of_order
def send_offline_worker(request: HttpRequest, order: Order) -> HttpResponse:
    """Send the script that shows the page of the tickets without a network."""
    response = HttpResponse(_WORKER, content_type="text/javascript; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'"
    return response
