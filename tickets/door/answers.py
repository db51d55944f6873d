"""The responses to a scan: the admitted ticket, or a refusal with its reason."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ticketing.api.fields import show_moment
from ticketing.errors import Conflict, NotFound, Refusal, Unreadable
from tickets.door.checkin import CheckedTicket, CheckIn, first_admission
from tickets.models import ScanResult


class AlreadyUsed(Conflict):
    code = "already_used"
    title = "This ticket has been used"


class Revoked(Conflict):
    code = "revoked"
    title = "This ticket is not valid any more"


class WrongEvent(Conflict):
    code = "wrong_event"
    title = "This ticket is for another event"


class EventCancelled(Conflict):
    code = "event_cancelled"
    title = "The event was cancelled"


class NotYetOpen(Conflict):
    code = "not_yet_open"
    title = "Check-in has not started"


class Closed(Conflict):
    code = "closed"
    title = "Check-in is over"


class InvalidCode(Unreadable):
    code = "invalid_code"
    title = "This is not one of our codes"


class UnknownTicket(NotFound):
    code = "unknown_ticket"
    title = "There is no such ticket"


_REFUSALS: dict[str, tuple[type[Refusal], str]] = {
    ScanResult.ALREADY_USED: (AlreadyUsed, "The ticket was used before: see `first_scan`."),
    ScanResult.REVOKED: (Revoked, "The ticket was revoked, refunded or replaced."),
    ScanResult.WRONG_EVENT: (WrongEvent, "This scanner does not admit tickets of that event."),
    ScanResult.EVENT_CANCELLED: (EventCancelled, "Admit nobody."),
    ScanResult.NOT_YET_OPEN: (NotYetOpen, "Check-in starts at {}."),
    ScanResult.CLOSED: (Closed, "Check-in ended at {}."),
    ScanResult.INVALID_CODE: (
        InvalidCode,
        "The code is forged, damaged, or of another system. Scan it again.",
    ),
    ScanResult.UNKNOWN_TICKET: (
        UnknownTicket,
        "The code has a valid signature, but there is no such ticket. Call the organizer.",
    ),
}

# Which of the door's two hours a refusal shows.
_MOMENTS = {ScanResult.NOT_YET_OPEN: "starts_at", ScanResult.CLOSED: "ends_at"}

# All refusals of a scan, for the API's document.
GATE_REFUSALS = tuple(kind for kind, _ in _REFUSALS.values())


def show_admission(attempt: CheckIn, ticket: CheckedTicket) -> dict[str, Any]:
    """Return the response to an admission, which `AdmissionShown` describes."""
    return {
        "result": attempt.result.value,
        "scan_id": str(attempt.scan_id),
        "ticket": _show_ticket(ticket),
        "used_at": show_moment(attempt.at),
    }


def refuse_entry(attempt: CheckIn) -> Refusal:
    """Return the refusal of a scan that was not admitted, with the details that it may show."""
    kind, sentence = _REFUSALS[attempt.result]
    details: dict[str, Any] = {"scan_id": str(attempt.scan_id)}
    if attempt.hours is not None and attempt.result in _MOMENTS:
        name = _MOMENTS[attempt.result]
        moment = getattr(attempt.hours, name)
        if moment is not None:
            local = moment.astimezone(ZoneInfo(attempt.hours.timezone))
            details[f"checkin_{name}"] = local.isoformat()
            sentence = sentence.format(f"{local:%Y-%m-%d %H:%M} ({attempt.hours.timezone})")
    refusal = kind(sentence)
    if attempt.ticket is not None:
        details["ticket"] = _show_ticket(attempt.ticket)
        if attempt.result == ScanResult.ALREADY_USED:
            details["first_scan"] = _show_first(attempt.ticket.id)
    refusal.details = details
    return refusal


def _show_first(ticket_id: UUID) -> Mapping[str, Any] | None:
    first = first_admission(ticket_id)
    if first is None:
        return None
    return {
        "at": show_moment(first.scanned_at),
        "gate": first.gate,
        "device": first.device.name if first.device else None,
    }


def _show_ticket(ticket: CheckedTicket) -> dict[str, str]:
    return {
        "id": str(ticket.id),
        "ticket_type": ticket.ticket_type,
        "holder_name": ticket.holder_name,
        "order_code": ticket.order_code,
        "event": str(ticket.event_id),
    }
