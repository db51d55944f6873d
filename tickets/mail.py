"""The mail that carries an order's tickets."""

from collections.abc import Sequence

from django.core.mail import EmailMessage

from orders.models import Order
from tickets.models import Ticket


def compose_ticket_mail(*, order: Order, tickets: Sequence[Ticket]) -> EmailMessage:
    """Return the mail that carries an order's tickets, in its buyer's language."""
    codes = "\n".join(ticket.code for ticket in tickets)
    return EmailMessage(f"{order.event.name}: {order.code}", codes, to=[order.customer_email])
