"""Checking in: a ticket opens a gate, once."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from events.models import Event, EventStatus
from ticketing.errors import Conflict
from tickets.codes import UnreadableCode, check_signature, read_code
from tickets.models import Scan, ScanResult, Ticket, TicketStatus


class ScanIdReused(Conflict):
    """The same `scan_id` with another code is no repeat: it would get another ticket's answer."""

    code = "scan_id_reused"
    title = "This scan_id belongs to another scan"


@dataclass(frozen=True, slots=True)
class Scanner:
    """Who scans, and tickets of which events. `name` sets its scan ids apart from others'."""

    name: str
    events: QuerySet[Event]
    device_id: UUID | None = None
    api_token_id: UUID | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """What was seen at a gate. The same `scan_id` of the same scanner is the same scan."""

    scan_id: UUID
    code: str
    gate: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a code turned out to be: a refusal that is clear already, or a ticket."""

    refusal: ScanResult | None
    event_id: UUID | None
    ticket: Ticket | None


def check_in_ticket(*, scanned: ScannedCode, scanner: Scanner, now: datetime) -> Scan:
    """
    Let the bearer in, or say why not; either way, write the attempt down.

    A refusal at the door is part of the record, so it is a row and not an exception.

    :raises ScanIdReused: if the scanner gave that id to another code before
    """
    reading = _read(scanned.code, scanner.events)
    try:
        return _record(scanned, scanner, reading, now)
    except IntegrityError:
        # A repeat: what it did is undone, and it gets the first answer.
        if earlier := _find_scan(scanned, scanner):
            return earlier
        raise


def first_admission(ticket_id: UUID) -> Scan | None:
    """Return the scan that opened the gate for a ticket."""
    admitted = Scan.objects.select_related("device").filter(
        ticket_id=ticket_id, result=ScanResult.ADMITTED
    )
    return admitted.order_by("recorded_at").first()


def _find_scan(scanned: ScannedCode, scanner: Scanner) -> Scan | None:
    scans = Scan.objects.select_related(
        "ticket__order", "ticket__ticket_type", "ticket__event", "device"
    )
    earlier = scans.filter(scanned_by=scanner.name, scan_id=scanned.scan_id).order_by("pk").first()
    if earlier is not None and earlier.code != scanned.code:
        raise ScanIdReused("Give each scan an id of its own.")
    return earlier


def _read(code: str, events: QuerySet[Event]) -> _Reading:
    try:
        read = read_code(code)
        ticket = (
            Ticket.objects.select_related("order", "ticket_type", "event")
            .filter(pk=read.claims.ticket_id)
            .order_by("pk")
            .first()
        )
        event = ticket.event if ticket else _event_of(read.claims.event_number)
        check_signature(read, event_id=event.pk)
    except UnreadableCode:
        return _Reading(ScanResult.INVALID_CODE, None, None)
    if not events.filter(pk=event.pk).exists():
        return _Reading(ScanResult.WRONG_EVENT, None, None)
    if ticket is None:
        return _Reading(ScanResult.UNKNOWN_TICKET, event.pk, None)
    if event.status == EventStatus.CANCELLED:
        return _Reading(ScanResult.EVENT_CANCELLED, event.pk, ticket)
    return _Reading(None, event.pk, ticket)


def _event_of(number: int) -> Event:
    event = Event.objects.filter(number=number).order_by("pk").first()
    if event is None:
        raise UnreadableCode
    return event


@transaction.atomic(durable=True)
def _record(scanned: ScannedCode, scanner: Scanner, reading: _Reading, now: datetime) -> Scan:
    result = reading.refusal or _admit(reading.ticket, scanned.at)
    return Scan.objects.create(
        scan_id=scanned.scan_id,
        scanned_by=scanner.name,
        device_id=scanner.device_id,
        api_token_id=scanner.api_token_id,
        user_id=scanner.user_id,
        event_id=reading.event_id,
        ticket=reading.ticket,
        result=result,
        gate=scanned.gate,
        code=scanned.code,
        scanned_at=scanned.at,
        recorded_at=now,
    )


def _admit(ticket: Ticket | None, at: datetime) -> ScanResult:
    if ticket is None:
        return ScanResult.UNKNOWN_TICKET
    # One statement looks and marks, so two gates cannot both find the ticket unused.
    valid = Ticket.objects.filter(pk=ticket.pk, status=TicketStatus.VALID)
    if valid.update(status=TicketStatus.USED, used_at=at):
        ticket.used_at = at
        return ScanResult.ADMITTED
    status = Ticket.objects.values_list("status", flat=True).get(pk=ticket.pk)
    return ScanResult.REVOKED if status == TicketStatus.REVOKED else ScanResult.ALREADY_USED
