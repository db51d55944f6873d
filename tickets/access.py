"""Who may scan, and tickets of which events."""

from uuid import UUID

from rest_framework.request import Request

from events.access import (
    acting_organizers,
)
from events.models import Scope
from ticketing.errors import NotFound
from tickets.models import Ticket


class TicketNotFound(NotFound):
    """No such ticket, or not this caller's: he cannot tell which."""

    code = "not_found"
    title = "There is nothing here"


def ticket_acted_for(request: Request, ticket_id: UUID, scope: Scope) -> Ticket:
    """
    Return a ticket of an organizer for whom the caller may do that.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: by the caller
    :raises TicketNotFound: if there is none, or it is another's
    """
    organizers = acting_organizers(request, scope)
    ticket = Ticket.objects.select_related("event").filter(pk=ticket_id).first()
    if ticket is None or not organizers.filter(pk=ticket.event.organizer_id).exists():
        raise TicketNotFound("No ticket of yours has that id.")
    return ticket
