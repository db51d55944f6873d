"""Find a ticket of an organizer for whom the caller acts."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request

from events.access import events_acted_for, within_rights
from events.models import Event, Scope
from events.roles import Right
from ticketing.api.authentication import BearerToken
from ticketing.errors import NotFound
from ticketing.models import User
from tickets.models import Ticket


class TicketNotFound(NotFound):
    """No such ticket, or another organizer's. The caller cannot tell which."""

    code = "not_found"
    title = "There is nothing here"


def ticket_acted_for(request: Request, ticket_id: UUID, scope: Scope) -> Ticket:
    """
    Return a ticket of an event for which the caller has the scope.

    :raises NotAuthenticated, InvalidToken, NotForThisCaller, InsufficientScope: if the caller
        may not
    :raises TicketNotFound: if there is no such ticket, or it is not of the caller's events
    """
    events = events_acted_for(request, scope)
    ticket = Ticket.objects.select_related("event").filter(pk=ticket_id).first()
    if ticket is None or not events.filter(pk=ticket.event_id).exists():
        raise TicketNotFound("No ticket of yours has that id.")
    return ticket


def may_see_codes(request: Request, event_id: UUID) -> bool:
    """
    Return whether the caller sees codes that open the gate: each caller but some members.

    A member who only reads could otherwise enter with somebody's ticket, or pass it on.
    """
    if isinstance(request.auth, BearerToken):
        return True
    return has_codes_right(request.user, event_id)


def has_codes_right(user: User | AnonymousUser, event_id: UUID) -> bool:
    """Return whether a user may see the codes of an event's tickets: to send them, or to scan."""
    event = Event.objects.filter(pk=event_id)
    return any(
        within_rights(event, user, right, organizer_path="organizer", event_path="pk").exists()
        for right in (Right.CHANGE_ORDERS, Right.RUN_DOOR)
    )
