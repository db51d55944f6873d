"""The responses to a scan: the admitted ticket, or a refusal with its reason."""

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ticketing.api.fields import show_moment
from ticketing.api.idempotency import ResponseStore
from ticketing.errors import Conflict, NotFound, Refusal, Unreadable
from tickets.door.earlier import first_admission, latest_entry, latest_exit
from tickets.door.gates import gates_for
from tickets.door.scans import CheckedTicket, CheckIn
from tickets.models import Scan, ScanResult


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


class WrongGate(Conflict):
    code = "wrong_gate"
    title = "This gate does not admit this ticket type"


class NotInside(Conflict):
    code = "not_inside"
    title = "Nobody is inside with this ticket"


class TurnedAway(Conflict):
    code = "turned_away"
    title = "The device has turned the guest away"


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
    ScanResult.WRONG_GATE: (WrongGate, "Send the guest to another gate: see `gates`."),
    ScanResult.NOT_INSIDE: (NotInside, "The ticket has not entered, or has left: see `last_exit`."),
    ScanResult.TURNED_AWAY: (
        TurnedAway,
        "The device refused the guest while it was offline. The ticket is as it was.",
    ),
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


def show_passage(attempt: CheckIn, ticket: CheckedTicket) -> dict[str, Any]:
    """Return the response to an entry or an exit, which `AdmissionShown` describes."""
    let_out = attempt.result == ScanResult.EXITED
    return {
        "result": (ScanResult.EXITED if let_out else ScanResult.ADMITTED).value,
        "scan_id": str(attempt.scan_id),
        "ticket": _show_ticket(ticket),
        "used_at": show_moment(attempt.at),
        "again": attempt.result == ScanResult.READMITTED,
        "inside": attempt.is_inside,
        "conflict": attempt.is_conflict,
        "party": _show_party(attempt),
    }


def store_passage(responses: ResponseStore) -> Callable[[CheckIn], None]:
    """Return a callback that stores who was let through. `answer_once` stores refusals."""

    def store_response(attempt: CheckIn) -> None:
        if attempt.is_let_through and attempt.ticket is not None:
            responses.store(200, show_passage(attempt, attempt.ticket), {})

    return store_response


def refuse_passage(attempt: CheckIn) -> Refusal:
    """Return the refusal of a scan that was not let through, with what it may show."""
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
    if attempt.is_conflict:
        details["conflict"] = True
    if attempt.ticket is not None:
        details["ticket"] = _show_ticket(attempt.ticket)
        details |= _show_reasons(attempt, attempt.ticket)
        if attempt.unused:
            details["party"] = _show_party(attempt)
    refusal.details = details
    return refusal


def _show_reasons(attempt: CheckIn, ticket: CheckedTicket) -> dict[str, Any]:
    """Return the earlier scans, or the gates, that explain a refusal."""
    if attempt.result == ScanResult.ALREADY_USED:
        return {
            "first_scan": show_scan(first_admission(ticket.id)),
            "last_entry": show_scan(latest_entry(ticket.id)),
        }
    if attempt.result == ScanResult.NOT_INSIDE:
        return {"last_exit": show_scan(latest_exit(ticket.id))}
    if attempt.result == ScanResult.WRONG_GATE:
        return {"gates": gates_for(ticket.id)}
    return {}


def _show_party(attempt: CheckIn) -> dict[str, int] | None:
    return {"unused": attempt.unused} if attempt.unused else None


def show_scan(scan: Scan | None) -> Mapping[str, Any] | None:
    """Return what a response shows of an earlier scan, which `FirstScanShown` describes."""
    if scan is None:
        return None
    return {
        "at": show_moment(scan.scanned_at),
        "gate": scan.gate,
        "device": scan.device.name if scan.device else None,
    }


def _show_ticket(ticket: CheckedTicket) -> dict[str, str]:
    return {
        "id": str(ticket.id),
        "ticket_type": ticket.ticket_type,
        "holder_name": ticket.holder_name,
        "order_code": ticket.order_code,
        "event": str(ticket.event_id),
    }
