"""Who may scan, and tickets of which events."""

from dataclasses import replace
from uuid import UUID

from rest_framework.request import Request

from events.access import (
    InvalidToken,
    NotAuthenticated,
    NotForThisCaller,
    find_api_token,
    organizers_of,
)
from events.models import Event
from ticketing.api.authentication import BearerToken
from ticketing.errors import NotFound
from ticketing.tokens import TokenKind
from tickets.checkin import Scanner
from tickets.models import Device


class EventNotForScanner(NotFound):
    """The scanner has no such event."""

    code = "not_found"
    title = "There is nothing here"


def scanner_of(request: Request) -> tuple[Scanner, str]:
    """
    Return who scans, and the gate where he is said to stand.

    :raises NotAuthenticated, InvalidToken: if nobody knows who is calling
    :raises NotForThisCaller: if it is an order's token, or a user who acts for nobody
    """
    token = request.auth
    if isinstance(token, BearerToken) and token.kind == TokenKind.DEVICE:
        return device_scanner(token)
    if isinstance(token, BearerToken) and token.kind == TokenKind.API:
        api_token = find_api_token(token)
        own = (api_token.organizer_id,)
        return Scanner(f"token:{api_token.pk}", own, api_token_id=api_token.pk), ""
    if isinstance(token, BearerToken):
        raise NotForThisCaller("An order's token opens no gate.")
    if not request.user.is_authenticated:
        raise NotAuthenticated("Send a device's or an organizer's token.")
    organizers = tuple(organizers_of(request.user).values_list("pk", flat=True))
    if not organizers:
        raise NotForThisCaller("You act for no organizer.")
    return Scanner(f"user:{request.user.pk}", organizers, user_id=request.user.pk), ""


def device_scanner(token: BearerToken) -> tuple[Scanner, str]:
    """
    Return the scanner that a door device's token stands for, and its gate.

    :raises InvalidToken: if the device is unknown or was revoked
    """
    devices = Device.objects.filter(digest=token.digest, revoked_at=None).order_by("pk")
    found = devices.values_list("pk", "organizer_id", "all_events", "gate").first()
    if found is None:
        raise InvalidToken("The device is unknown or was revoked.")
    device_id, organizer_id, all_events, gate = found
    scanner = Scanner(
        f"device:{device_id}",
        (organizer_id,),
        given_events_only=not all_events,
        device_id=device_id,
    )
    return scanner, gate


def only_for(scanner: Scanner, event_id: UUID) -> Scanner:
    """
    Return the scanner at the door of one event.

    :raises EventNotForScanner: if that is not the scanner's
    """
    events = Event.objects.filter(pk=event_id)
    if scanner.organizers is not None:
        events = events.filter(organizer_id__in=scanner.organizers)
    if scanner.given_events_only:
        events = events.filter(devices=scanner.device_id)
    if not events.exists():
        raise EventNotForScanner("No event of yours has that id.")
    return replace(scanner, event_id=event_id)
