"""Find a ticket of an organizer for whom the caller acts."""

from uuid import UUID

from rest_framework.request import Request

from events.access import (
    acting_organizers,
)
from events.models import Scope
from ticketing.errors import NotFound
from tickets.models import Ticket


class TicketNotFound(NotFound):
    """No such ticket, or another organizer's. The caller cannot tell which."""

    code = "not_found"
    title = "There is nothing here"


def ticket_acted_for(request: Request, ticket_id: UUID, scope: Scope) -> Ticket:
    """
    Return a ticket of an organizer for whom the caller acts with a scope.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: if the caller
        may not
    :raises TicketNotFound: if there is no such ticket, or it is another organizer's
    """
    organizers = acting_organizers(request, scope)
    ticket = Ticket.objects.select_related("event").filter(pk=ticket_id).first()
    if ticket is None or not organizers.filter(pk=ticket.event.organizer_id).exists():
        raise TicketNotFound("No ticket of yours has that id.")
    return ticket
