"""The names of the files that a buyer downloads, in the active language."""

from django.utils.translation import gettext

from orders.models import Order


def pdf_name(order: Order, number: int | None = None) -> str:
    """Return the name of the PDF with an order's tickets, or with the one of this number."""
    if number is None:
        return gettext("tickets-%(code)s.pdf") % {"code": order.code}
    return gettext("ticket-%(code)s.pdf") % {"code": f"{order.code}-{number}"}


def calendar_name(order: Order) -> str:
    """Return the name of the file with the event for a calendar."""
    return gettext("event-%(code)s.ics") % {"code": order.code}


def pass_name(order: Order, number: int) -> str:
    """Return the name of the file with a ticket for Apple's wallet."""
    return gettext("ticket-%(code)s.pkpass") % {"code": f"{order.code}-{number}"}
