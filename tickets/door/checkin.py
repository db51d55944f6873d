"""Check a ticket in at a gate, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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
    """No device has this token, or the device was revoked."""

    code = "invalid_token"
    title = "We do not know this token"


class EventNotForScanner(NotFound):
    """The scanner may not scan for this event."""

    code = "not_found"
    title = "There is nothing here"


class ScanIdReused(Conflict):
    """The `scan_id` belongs to a scan of another code, whose result must not be returned."""

    code = "scan_id_reused"
    title = "This scan_id belongs to another scan"


@dataclass(frozen=True, slots=True)
class Scanner:
    """
    Who scans: a device, an API token or a user.

    A device is found by the digest of its token and scans for its own events. An API token or a
    user has a `name` and scans for the events of `organizers`, or for all events if that is None. A
    member who is limited to some events scans for `chosen_events` too: their ids, with the ids of
    their organizers.

    Two scanners may choose the same scan id: `name` keeps their scans apart.
    """

    name: str = ""
    device_digest: str | None = None
    organizers: tuple[UUID, ...] | None = None
    api_token_id: UUID | None = None
    user_id: int | None = None
    chosen_events: Mapping[UUID, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScannedCode:
    """
    A code that was scanned at a gate. The same `scan_id` of the same scanner is the same scan.

    An empty `gate` means the device's own. With `event_id`, only that event's tickets are admitted.
    """

    scan_id: UUID
    code: str
    gate: str
    at: datetime
    event_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CheckedTicket:
    """What the response to a scan shows of a ticket."""

    id: UUID
    event_id: UUID
    ticket_type: str
    holder_name: str
    order_code: str


@dataclass(frozen=True, slots=True)
class DoorHours:
    """The hours of an event's door. A moment that is None does not limit them."""

    starts_at: datetime | None
    ends_at: datetime | None
    timezone: str


@dataclass(frozen=True, slots=True)
class CheckIn:
    """
    The result of one scan.

    `ticket` is set if the scanner may see it; then `hours` are set too.
    """

    scan_id: UUID
    result: ScanResult
    at: datetime
    ticket: CheckedTicket | None
    hours: DoorHours | None = None


@dataclass(frozen=True, slots=True)
class _CodeTarget:
    """The event and the ticket in a code, and whether its signature was verified."""

    event_id: Any
    ticket_id: Any
    signed: bool


# For a text that is not one of our codes. Nothing is left to verify, so `signed` is true.
_NO_TARGET = _CodeTarget(None, None, signed=True)


def check_in_ticket(
    *,
    scanned: ScannedCode,
    scanner: Scanner,
    now: datetime,
    store_response: Callable[[CheckIn], None] | None = None,
) -> CheckIn:
    """
    Admit a ticket or refuse it. Either way, record the attempt as a scan.

    A refusal at a gate must be on record, so it is a row and not an exception. One SQL statement
    reads the ticket and marks it used, so that two gates cannot both admit it.

    The door's hours apply to the time of the scan. A used or revoked ticket is refused as such also
    outside the hours: its holder must not be sent away until the door opens.

    `store_response` stores the response in the transaction of the scan. Without it, one statement
    runs outside any transaction.

    :raises UnknownDevice: if no device has the token, or the device was revoked
    :raises EventNotForScanner: if `scanned.event_id` is not an event of the scanner
    :raises ScanIdReused: if the scanner gave the same id to another code before
    """
    try:
        read = read_code(scanned.code)
        check_key(read)
        event_id = _event_of(read.claims.event_number)
        target = _CodeTarget(event_id, read.claims.ticket_id, signed=False)
    except UnreadableCode:
        target = _NO_TARGET
    try:
        if store_response is None:
            return _decide(scanned, scanner, target, now)
        with transaction.atomic(durable=True):
            attempt = _decide(scanned, scanner, target, now)
            store_response(attempt)
            return attempt
    except IntegrityError:
        # A repeated scan_id: PostgreSQL has rolled it back, and it gets the first result.
        earlier = _find_earlier(scanned, scanner)
        if earlier is None:
            raise
        if store_response is not None:
            store_response(earlier)
        return earlier


def first_admission(ticket_id: UUID) -> Scan | None:
    """Return the scan that admitted a ticket and was not undone."""
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


def _decide(scanned: ScannedCode, scanner: Scanner, target: _CodeTarget, now: datetime) -> CheckIn:
    # PostgreSQL first compares the text with the stored code: an equal one needs no verification,
    # which is slow.
    attempt = _record(scanned, scanner, target, now)
    if attempt is None:
        attempt = _record(scanned, scanner, _verify(scanned.code, target), now)
    assert attempt is not None, "A verified code always gets a result."  # noqa: S101
    return attempt


def _verify(code: str, target: _CodeTarget) -> _CodeTarget:
    """Return the target as verified, or no target if the signature is wrong."""
    try:
        check_signature(read_code(code), event_id=target.event_id)
    except UnreadableCode:
        return _NO_TARGET
    return replace(target, signed=True)


@lru_cache(maxsize=10_000)
def _event_of(number: int) -> UUID:
    # The number of an event never changes, so this cache is never stale.
    event_id = (
        Event.objects.filter(number=number).values_list("pk", flat=True).order_by("pk").first()
    )
    if event_id is None:
        raise UnreadableCode
    return event_id


def _record(
    scanned: ScannedCode,
    scanner: Scanner,
    target: _CodeTarget,
    now: datetime,
) -> CheckIn | None:
    """Decide and record a scan. Return None, with nothing written, if the code must be verified."""
    scanner = _with_organizer_of_event(scanner, scanned.event_id or target.event_id)
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
                "the_event": target.event_id,
                "the_ticket": target.ticket_id,
                "the_code": scanned.code,
                "the_gate": scanned.gate,
                "signed": target.signed,
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
            target.ticket_id, target.event_id, ticket_type, holder_name, order_code
        )
    return CheckIn(scanned.scan_id, ScanResult(result), scanned.at, ticket, DoorHours(*hours))


def _with_organizer_of_event(scanner: Scanner, event_id: Any) -> Scanner:
    """Let the scanner act for the organizer of that event, for one scan, if it is a chosen one."""
    owner = scanner.chosen_events.get(event_id)
    if owner is None or scanner.organizers is None:
        return scanner
    return replace(scanner, organizers=(*scanner.organizers, owner))
