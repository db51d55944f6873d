"""Find the scanner that sends a request, and check who may undo a check-in."""

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request

from events.access import (
    InvalidToken,
    NotAuthenticated,
    NotForThisCaller,
    actor_of,
    chosen_events,
    find_api_token,
    organizers_of,
)
from events.models import Event, Scope
from events.roles import Right
from events.second_factor import refuse_without_second_factor
from ticketing.actors import Actor
from ticketing.api.authentication import BearerToken
from ticketing.models import ActorKind
from ticketing.tokens import TokenKind
from tickets.access import TicketNotFound, ticket_acted_for
from tickets.door.scans import Scanner
from tickets.models import Device, Ticket


def ticket_of_supervisor(request: Request, ticket_id: UUID) -> tuple[Ticket, Actor]:
    """
    Return a ticket whose check-in the caller may undo, and the caller as the actor.

    :raises NotAuthenticated, InvalidToken, InsufficientScope: if the caller may not
    :raises NotForThisCaller: if the caller is a device, and not a supervisor's
    :raises TicketNotFound: if there is no such ticket, or it is not of the caller's events
    """
    token = request.auth
    if not isinstance(token, BearerToken):
        # A user who runs the door may undo, also without the right to change orders.
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_VALIDATE)
        return ticket, actor_of(request)
    if token.kind != TokenKind.DEVICE:
        ticket = ticket_acted_for(request, ticket_id, Scope.TICKETS_WRITE)
        return ticket, actor_of(request)
    device = supervisor_of(request)
    tickets = Ticket.objects.filter(pk=ticket_id, event__in=events_of(device))
    found = tickets.select_related("event").first()
    if found is None:
        raise TicketNotFound("No ticket of yours has that id.")
    return found, actor_of_device(device)


def supervisor_of(request: Request) -> Device:
    """
    Return the supervisor's device that sends a request.

    :raises NotAuthenticated, InvalidToken: if the caller is unknown, or the device was revoked
    :raises NotForThisCaller: if the caller is not a supervisor's device
    """
    device = device_of(request)
    if not device.is_supervisor:
        raise NotForThisCaller("Only a supervisor's device may do this.")
    return device


def events_of(device: Device) -> QuerySet[Event]:
    """Return the events whose tickets a device may scan."""
    events = Event.objects.filter(organizer_id=device.organizer_id)
    return events if device.all_events else events.filter(devices=device)


def actor_of_device(device: Device) -> Actor:
    return Actor(ActorKind.DEVICE, str(device.pk), device.name)


def device_of(request: Request) -> Device:
    """
    Return the door device that sends a request.

    :raises NotAuthenticated, InvalidToken: if the caller is unknown, or the device was revoked
    :raises NotForThisCaller: if the caller is not a device
    """
    token = request.auth
    if isinstance(token, BearerToken) and token.kind == TokenKind.DEVICE:
        found = Device.objects.select_related("organizer")
        device = found.filter(digest=token.digest, revoked_at=None).first()
        if device is None:
            raise InvalidToken("The device is unknown or was revoked.")
        return device
    if isinstance(token, BearerToken) or request.user.is_authenticated:
        raise NotForThisCaller("Only a door device may do this. Send a device's token.")
    raise NotAuthenticated("Send a device's token.")


def scanner_of(request: Request) -> Scanner:
    """
    Return the scanner that sends a request.

    :raises NotAuthenticated, InvalidToken: if the caller is unknown
    :raises SecondFactorRequired: if the session's user has to set up a second factor
    :raises NotForThisCaller: if the token is an order's, or the user acts for no organizer
    :raises InsufficientScope: if the API token lacks the scope
    """
    token = request.auth
    if isinstance(token, BearerToken) and token.kind == TokenKind.DEVICE:
        # The check-in finds the device again. An unknown token must be refused before the body is
        # read and before a stored response is looked up.
        if not Device.objects.filter(digest=token.digest, revoked_at=None).exists():
            raise InvalidToken("The device is unknown or was revoked.")
        return Scanner(device_digest=token.digest)
    if isinstance(token, BearerToken) and token.kind == TokenKind.API:
        api_token = find_api_token(token, Scope.TICKETS_VALIDATE)
        own = (api_token.organizer_id,)
        return Scanner(f"token:{api_token.pk}", organizers=own, api_token_id=api_token.pk)
    if isinstance(token, BearerToken):
        raise NotForThisCaller(
            "An order's token may not scan. Send a device's or an organizer's token."
        )
    if not request.user.is_authenticated:
        raise NotAuthenticated("Send a device's or an organizer's token.")
    user = request.user
    refuse_without_second_factor(user)
    organizers = tuple(organizers_of(user, Right.RUN_DOOR).values_list("pk", flat=True))
    chosen = dict(chosen_events(user, Right.RUN_DOOR).values_list("pk", "organizer_id"))
    if not organizers and not chosen:
        raise NotForThisCaller("You act for no organizer.")
    return Scanner(f"user:{user.pk}", organizers=organizers, chosen_events=chosen, user_id=user.pk)
