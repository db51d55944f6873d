"""How a ticket's status is said to staff."""

from django.utils.translation import gettext as _

from tickets.models import Ticket


def say_status(ticket: Ticket) -> str:
    """Return the status in the active language. A refunded ticket is not only revoked."""
    return _("refunded") if ticket.refunded_at else ticket.get_status_display()
