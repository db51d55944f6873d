"""Let the holder of a ticket in at a gate, once or by the event's rule, and out again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from events.models import Event
from ticketing.errors import NotFound, Unauthenticated
from ticketing.ids import new_id
from tickets.codes import UnreadableCode, check_key, check_signature, read_code
from tickets.door.earlier import find_earlier
from tickets.door.scans import CheckedTicket, CheckIn, DoorHours, ScannedCode, Scanner
from tickets.models import ScanResult

_CHECK_IN = """
SELECT * FROM check_in_at_gate(
  the_id => %(the_id)s, the_scan => %(the_scan)s, scanner => %(scanner)s,
  device_token => %(device_token)s, the_api_token => %(the_api_token)s, the_user => %(the_user)s,
  organizers => %(organizers)s::uuid[], only_event => %(only_event)s, the_event => %(the_event)s,
  the_ticket => %(the_ticket)s, the_code => %(the_code)s, the_gate => %(the_gate)s,
  the_direction => %(the_direction)s, the_decision => %(the_decision)s,
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
    Let the holder of a ticket in or out, or refuse it. Either way, record the attempt as a scan.

    A refusal at a gate must be on record, so it is a row and not an exception. One SQL statement
    reads the ticket and marks it used, so that two gates cannot both admit it.

    The door's hours apply to the time of the scan, and only to entries. A used or revoked ticket is
    refused as such also outside the hours and at another gate: its holder must not be sent there.

    A device that was offline has told the guest its own `decision`. If it let the guest in and the
    rules refuse it, the scan is a conflict. A valid ticket that entered outside the hours or at the
    wrong gate becomes used then, because its holder is inside. If the device refused the guest,
    nothing is admitted.

    `store_response` stores the response in the transaction of the scan. Without it, one statement
    runs outside any transaction.

    :raises UnknownDevice: if no device has the token, or the device was revoked
    :raises EventNotForScanner: if `scanned.event_id` is not an event of the scanner
    :raises ScanIdReused: if the scanner gave the same id to another code before
    """
    try:
        if store_response is None:
            return decide_scan(scanned=scanned, scanner=scanner, now=now)
        with transaction.atomic(durable=True):
            attempt = decide_scan(scanned=scanned, scanner=scanner, now=now)
            store_response(attempt)
            return attempt
    except IntegrityError:
        # A repeated scan_id: PostgreSQL has rolled it back, and it gets the first result.
        earlier = find_earlier(scanned, scanner)
        if earlier is None:
            raise
        if store_response is not None:
            store_response(earlier)
        return earlier


def decide_scan(*, scanned: ScannedCode, scanner: Scanner, now: datetime) -> CheckIn:
    """
    Decide one scan and record it, inside a transaction of the caller or without one.

    :raises UnknownDevice, EventNotForScanner: as `check_in_ticket` does
    :raises IntegrityError: if the scanner has used the `scan_id` before
    """
    target = _read_target(scanned.code)
    # PostgreSQL first compares the text with the stored code: an equal one needs no verification,
    # which is slow.
    attempt = _record(scanned, scanner, target, now)
    if attempt is None:
        attempt = _record(scanned, scanner, _verify(scanned.code, target), now)
    assert attempt is not None, "A verified code always gets a result."  # noqa: S101
    return attempt


def verified_ticket_id(code: str) -> UUID | None:
    """Return the id of the ticket in a code, or None if the code is not one of ours."""
    target = _read_target(code)
    verified = target if target.signed else _verify(code, target)
    ticket_id: UUID | None = verified.ticket_id
    return ticket_id


def _read_target(code: str) -> _CodeTarget:
    try:
        read = read_code(code)
        check_key(read)
        event_id = _event_of(read.claims.event_number)
    except UnreadableCode:
        return _NO_TARGET
    return _CodeTarget(event_id, read.claims.ticket_id, signed=False)


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
                "the_direction": scanned.direction.value,
                "the_decision": scanned.decision.value if scanned.decision else "",
                "signed": target.signed,
                "seen": scanned.at,
                "written": now,
            },
        )
        result, holder_name, ticket_type, order_code, *others = cursor.fetchone()
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
    opens_at, closes_at, zone, is_inside, unused, is_conflict = others
    return CheckIn(
        scan_id=scanned.scan_id,
        result=ScanResult(result),
        at=scanned.at,
        ticket=ticket,
        hours=DoorHours(opens_at, closes_at, zone),
        is_inside=is_inside,
        unused=unused,
        is_conflict=is_conflict,
    )


def _with_organizer_of_event(scanner: Scanner, event_id: Any) -> Scanner:
    """Let the scanner act for the organizer of that event, for one scan, if it is a chosen one."""
    owner = scanner.chosen_events.get(event_id)
    if owner is None or scanner.organizers is None:
        return scanner
    return replace(scanner, organizers=(*scanner.organizers, owner))
