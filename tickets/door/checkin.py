"""Checking in: a ticket opens a gate, once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from events.models import Event
from ticketing.errors import Conflict, NotFound, Unauthenticated
from ticketing.ids import new_id
from tickets.codes import UnreadableCode, check_key, check_signature, read_code
from tickets.models import Scan, ScanResult

_CHECK_IN = """
SELECT * FROM check_in_in_hours(
  the_id => %(the_id)s, the_scan => %(the_scan)s, scanner => %(scanner)s,
  device_token => %(device_token)s, the_api_token => %(the_api_token)s, the_user => %(the_user)s,
  organizers => %(organizers)s::uuid[], only_event => %(only_event)s, the_event => %(the_event)s,
  the_ticket => %(the_ticket)s, the_code => %(the_code)s, the_gate => %(the_gate)s,
  signed => %(signed)s, seen => %(seen)s, written => %(written)s)
"""


class UnknownDevice(Unauthenticated):
    """Unknown or revoked."""

    code = "invalid_token"
    title = "We do not know this token"


class EventNotForScanner(NotFound):
    """The scanner has no such event."""

    code = "not_found"
    title = "There is nothing here"


class ScanIdReused(Conflict):
    """The same `scan_id` with another code is no repeat: it would get another ticket's answer."""

    code = "scan_id_reused"
    title = "This scan_id belongs to another scan"


@dataclass(frozen=True, slots=True)
class Scanner:
    """
    Who scans: whatever device has a token of that digest, for the events that it was given; or else
    somebody with a name, for all events of `organizers`, or everybody's with None.

    A scan id is its scanner's own, so the name sets it apart from others'.
    """

    name: str = ""
    device_digest: str | None = None
    organizers: tuple[UUID, ...] | None = None
    api_token_id: UUID | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """
    What was seen at a gate. The same `scan_id` of the same scanner is the same scan.

    Without a gate it was seen at the device's own. With `event_id` that event's door is meant.
    """

    scan_id: UUID
    code: str
    gate: str
    at: datetime
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CheckedTicket:
    """What a gate is told about a ticket."""

    id: UUID
    event_id: UUID
    ticket_type: str
    holder_name: str
    order_code: str


@dataclass(frozen=True, slots=True)
class DoorHours:
    """When an event's door is open. Without a moment it is open from the beginning, or for good."""

    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str


@dataclass(frozen=True, slots=True)
class CheckIn:
    """
    How an attempt at a gate ended.

    `ticket` is there if the scanner may know it, `hours` with it.
    """

    scan_id: UUID
    result: ScanResult
    at: datetime
    ticket: CheckedTicket | None
    hours: DoorHours | None = None


@dataclass(frozen=True, slots=True)
class _Named:
    """The event and the ticket that a code names, and whether we know that we signed it."""

    event_id: Any
    ticket_id: Any
    signed: bool


# What is not one of our codes names nothing, for sure.
_NOTHING = _Named(None, None, signed=True)


def check_in_ticket(
    *,
    scanned: ScannedCode,
    scanner: Scanner,
    now: datetime,
    store_response: Callable[[CheckIn], None] | None = None,
) -> CheckIn:
    """
    Let the bearer in, or say why not; either way, write the attempt down.

    A refusal at the door is part of the record, so it is a row and not an exception. All of it is
    one statement: looking and marking, so that two gates cannot both find the ticket unused.

    The door's hours are judged by the time of the scan. What a ticket was used or revoked for is
    said first: a guest with a dead ticket need not come back later.

    `store_response` stores the response in the transaction of the attempt; without it there is one
    statement and no transaction around it.

    :raises UnknownDevice: if no device has the token, or it was revoked
    :raises EventNotForScanner: if the door of an event is meant that is not the scanner's
    :raises ScanIdReused: if the scanner gave that id to another code before
    """
    try:
        read = read_code(scanned.code)
        check_key(read)
        event_id = _event_of(read.claims.event_number)
        named = _Named(event_id, read.claims.ticket_id, signed=False)
    except UnreadableCode:
        named = _NOTHING
    try:
        if store_response is None:
            return _decide(scanned, scanner, named, now)
        with transaction.atomic(durable=True):
            attempt = _decide(scanned, scanner, named, now)
            store_response(attempt)
            return attempt
    except IntegrityError:
        # A repeat: what it did is undone, and it gets the first answer.
        earlier = _find_earlier(scanned, scanner)
        if earlier is None:
            raise
        if store_response is not None:
            store_response(earlier)
        return earlier


def first_admission(ticket_id: UUID) -> Scan | None:
    """Return the scan that opened the gate for a ticket and was not undone."""
    admitted = Scan.objects.select_related("device").filter(
        ticket_id=ticket_id, result=ScanResult.ADMITTED, undone_at=None
    )
    return admitted.order_by("recorded_at").first()


def _find_earlier(scanned: ScannedCode, scanner: Scanner) -> CheckIn | None:
    scans = Scan.objects.select_related("ticket__order", "ticket__ticket_type", "event")
    if scanner.device_digest is None:
        own = scans.filter(scanned_by=scanner.name)
    else:
        own = scans.filter(device__digest=scanner.device_digest)
    scan = own.filter(scan_id=scanned.scan_id).order_by("pk").first()
    if scan is None:
        return None
    if scan.code != scanned.code:
        raise ScanIdReused("Give each scan an id of its own.")
    found, ticket, event = scan.ticket, None, scan.event
    if found is not None:
        ticket = CheckedTicket(
            found.pk, found.event_id, found.ticket_type.name, found.holder_name, found.order.code
        )
    hours = None
    if event is not None:
        hours = DoorHours(event.checkin_starts_at, event.checkin_ends_at, event.timezone)
    return CheckIn(scan.scan_id, ScanResult(scan.result), scan.scanned_at, ticket, hours)


def _decide(scanned: ScannedCode, scanner: Scanner, named: _Named, now: datetime) -> CheckIn:
    attempt = _record(scanned, scanner, named, now)
    if attempt is None:
        attempt = _record(scanned, scanner, _prove(scanned.code, named), now)
    assert attempt is not None, "What is proven is decided."  # noqa: S101
    return attempt


def _prove(code: str, named: _Named) -> _Named:
    """Return what the code names if we have signed it, else nothing."""
    try:
        check_signature(read_code(code), event_id=named.event_id)
    except UnreadableCode:
        return _NOTHING
    return replace(named, signed=True)


@lru_cache(maxsize=10_000)
def _event_of(number: int) -> UUID:
    # An event keeps its number for good.
    event_id = (
        Event.objects.filter(number=number).values_list("pk", flat=True).order_by("pk").first()
    )
    if event_id is None:
        raise UnreadableCode
    return event_id


def _record(
    scanned: ScannedCode,
    scanner: Scanner,
    named: _Named,
    now: datetime,
) -> CheckIn | None:
    """Do all of it, or nothing and return None: the code is not as we wrote it, and not proven."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CHECK_IN,
            {
                "the_id": new_id(),
                "the_scan": scanned.scan_id,
                "scanner": scanner.name,
                "device_token": scanner.device_digest,
                "the_api_token": scanner.api_token_id,
                "the_user": scanner.user_id,
                "organizers": None if scanner.organizers is None else list(scanner.organizers),
                "only_event": scanned.event_id,
                "the_event": named.event_id,
                "the_ticket": named.ticket_id,
                "the_code": scanned.code,
                "the_gate": scanned.gate,
                "signed": named.signed,
                "seen": scanned.at,
                "written": now,
            },
        )
        result, holder_name, ticket_type, order_code, *hours = cursor.fetchone()
    if result == "unproven":
        return None
    if result == "unknown_device":
        raise UnknownDevice("The device is unknown or was revoked.")
    if result == "unknown_event":
        raise EventNotForScanner("No event of yours has that id.")
    ticket = None
    if order_code:
        ticket = CheckedTicket(
            named.ticket_id, named.event_id, ticket_type, holder_name, order_code
        )
    return CheckIn(scanned.scan_id, ScanResult(result), scanned.at, ticket, DoorHours(*hours))
