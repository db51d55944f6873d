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


def scanner_of(request: Request, *, event_id: UUID | None) -> tuple[Scanner, Device | None]:
    """
    Return who scans and for which events: all of the device's or organizer's, or the one asked for.

    :raises NotAuthenticated, InvalidToken: if nobody knows who is calling
    :raises NotForThisCaller: if it is an order's token, or a user who acts for nobody
    :raises EventNotForScanner: if `event_id` is not the caller's to scan
    """
    scanner, device = _identify(request)
    if event_id is not None:
        chosen = scanner.events.filter(pk=event_id)
        if not chosen.exists():
            raise EventNotForScanner("No event of yours has that id.")
        scanner = replace(scanner, events=chosen)
    return scanner, device


def _identify(request: Request) -> tuple[Scanner, Device | None]:
    token = request.auth
    if isinstance(token, BearerToken) and token.kind == TokenKind.DEVICE:
        device = _find_device(token)
        events = Event.objects.filter(organizer_id=device.organizer_id)
        if not device.all_events:
            events = events.filter(devices=device.pk)
        return Scanner(f"device:{device.pk}", events, device_id=device.pk), device
    if isinstance(token, BearerToken) and token.kind == TokenKind.API:
        api_token = find_api_token(token)
        events = Event.objects.filter(organizer_id=api_token.organizer_id)
        return Scanner(f"token:{api_token.pk}", events, api_token_id=api_token.pk), None
    if isinstance(token, BearerToken):
        raise NotForThisCaller("An order's token opens no gate.")
    if not request.user.is_authenticated:
        raise NotAuthenticated("Send a device's or an organizer's token.")
    organizers = organizers_of(request.user)
    if not organizers.exists():
        raise NotForThisCaller("You act for no organizer.")
    events = Event.objects.filter(organizer__in=organizers)
    return Scanner(f"user:{request.user.pk}", events, user_id=request.user.pk), None


def _find_device(token: BearerToken) -> Device:
    device = Device.objects.filter(digest=token.digest, revoked_at=None).order_by("pk").first()
    if device is None:
        raise InvalidToken("The device is unknown or was revoked.")
    return device
