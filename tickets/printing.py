"""The page with an order's tickets, for staff to show and print."""

from typing import Any

from django.utils.safestring import SafeString, mark_safe

from events.wording import show_start
from orders.models import Order
from tickets.models import Ticket, TicketStatus
from tickets.pictures import render_svg
from tickets.ticket_codes import number_tickets, readable_code


def tickets_to_print(order: Order) -> dict[str, Any]:
    """Return what the page shows: the event, and each valid or used ticket with its QR code."""
    tickets = list(Ticket.objects.of_order(order.pk).select_related("ticket_type"))
    numbers = number_tickets(tickets)
    return {
        "order": order,
        "event": order.event,
        **show_start(order.event),
        "tickets": [
            {
                "code": readable_code(order.code, numbers[ticket.pk]),
                "ticket_type": ticket.ticket_type.name,
                "holder_name": ticket.holder_name,
                "picture": _picture(ticket),
            }
            for ticket in tickets
            if ticket.status != TicketStatus.REVOKED
        ],
    }


def _picture(ticket: Ticket) -> SafeString:
    return mark_safe(render_svg(ticket.code))  # noqa: S308 - made of squares, without any text
