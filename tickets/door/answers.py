"""What a gate is told: the ticket that it admits, or why it does not."""

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
    ScanResult.ALREADY_USED: (AlreadyUsed, "It has let somebody in before."),
    ScanResult.REVOKED: (Revoked, "It was refunded or replaced."),
    ScanResult.WRONG_EVENT: (WrongEvent, "It does not open this gate."),
    ScanResult.EVENT_CANCELLED: (EventCancelled, "Nobody is admitted."),
    ScanResult.NOT_YET_OPEN: (NotYetOpen, "Check-in starts at {}."),
    ScanResult.CLOSED: (Closed, "Check-in ended at {}."),
    ScanResult.INVALID_CODE: (InvalidCode, "It is forged, mangled, or somebody else's."),
    ScanResult.UNKNOWN_TICKET: (UnknownTicket, "It is well signed, and we do not have it."),
}


# Of the door's hours, the one that a refusal tells.
_MOMENTS = {ScanResult.NOT_YET_OPEN: "starts_at", ScanResult.CLOSED: "ends_at"}

# Every way in which a gate refuses.
GATE_REFUSALS = tuple(kind for kind, _ in _REFUSALS.values())


def show_admission(attempt: CheckIn, ticket: CheckedTicket) -> dict[str, Any]:
    """Return what `AdmissionShown` describes."""
    return {
        "result": attempt.result.value,
        "scan_id": str(attempt.scan_id),
        "ticket": _show_ticket(ticket),
        "used_at": show_moment(attempt.at),
    }


def refuse_entry(attempt: CheckIn) -> Refusal:
    """Return the refusal of an attempt that opened no gate, with what the scanner may know."""
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
