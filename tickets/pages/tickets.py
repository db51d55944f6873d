"""The page of an order's tickets, and what its buyer downloads from it."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header, http_date

from orders.models import Order
from orders.page_link import order_path
from orders.pages.access import of_order, see_other
from ticketing import clock
from ticketing.pages.shop import show_private_page
from tickets.documents.calendar_file import CALENDAR_TYPE, render_calendar
from tickets.documents.names import calendar_name, pdf_name
from tickets.documents.pdf import PDF_TYPE, Paper, render_pdf
from tickets.models import TicketStatus
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
    context = describe_tickets(order, list(tickets_of(order)))
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
        if ticket.status != TicketStatus.REVOKED and number in ("", str(numbers[ticket.pk]))
    ]
    if not chosen:
        raise Http404
    paper = Paper.PHONE if request.GET.get("paper") == Paper.PHONE else Paper.A4
    pdf = render_pdf(order=order, tickets=tickets, paper=paper, chosen=chosen)
    name = pdf_name(order, int(number) if number else None)
    return _send_file(pdf, PDF_TYPE, name, as_attachment=False)


@of_order
def download_calendar(request: HttpRequest, order: Order) -> HttpResponse:
    """
    Send the event of a paid order for a calendar.

    :raises Http404: if the order is not paid
    """
    if not has_tickets(order):
        raise Http404
    file = render_calendar(order=order, now=clock.now())
    return _send_file(file, CALENDAR_TYPE, calendar_name(order), as_attachment=True)


@of_order
def send_offline_worker(request: HttpRequest, order: Order) -> HttpResponse:
    """Send the script that shows the page of the tickets without a network."""
    response = HttpResponse(_WORKER, content_type="text/javascript; charset=utf-8")
    response.headers["Content-Security-Policy"] = "default-src 'none'; connect-src 'self'"
    return response


def _send_file(content: bytes, kind: str, name: str, *, as_attachment: bool) -> HttpResponse:
    response = HttpResponse(content, content_type=kind, status=HTTPStatus.OK)
    disposition = content_disposition_header(as_attachment, name)
    response.headers["Content-Disposition"] = disposition or "inline"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
