"""Find earlier scans: the one that a repeat belongs to, and those that a refusal shows."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from ticketing.errors import Conflict
from tickets.door.scans import CheckedTicket, CheckIn, DoorHours, ScannedCode, Scanner
from tickets.models import (
    ENTRIES,
    LET_THROUGH,
    Decision,
    Direction,
    Scan,
    ScanResult,
    Ticket,
    TicketStatus,
)

_WITH_PARTY = ENTRIES | {ScanResult.ALREADY_USED}


class ScanIdReused(Conflict):
    """The `scan_id` belongs to another scan, whose result must not be returned."""

    code = "scan_id_reused"
    title = "This scan_id belongs to another scan"


def find_earlier(scanned: ScannedCode, scanner: Scanner) -> CheckIn | None:
    """
    Return the first result of a repeated scan, or None if the scanner did not scan it before.

    A device that lost the response has decided by itself meanwhile: its decision is added to the
    scan. That never admits anybody.

    :raises ScanIdReused: if the scanner gave the same id to another code or direction
    """
    found = find_scans([scanned.scan_id], scanner)
    if not found:
        return None
    scan = found[0]
    if scan.code != scanned.code or scan.direction != scanned.direction:
        raise ScanIdReused("Give each scan an id of its own.")
    if scanned.decision is not None:
        _add_decision(scan, scanned.decision)
    return as_check_in(scan)


def find_scans(scan_ids: Sequence[UUID], scanner: Scanner) -> list[Scan]:
    """Return the scans of a scanner with these ids, with what a response shows of them."""
    scans = Scan.objects.select_related("ticket__order", "ticket__ticket_type", "event")
    if scanner.device_digest is None:
        own = scans.filter(scanned_by=scanner.name)
    else:
        own = scans.filter(device__digest=scanner.device_digest)
    return list(own.filter(scan_id__in=scan_ids).order_by("pk"))


def as_check_in(scan: Scan) -> CheckIn:
    """Return a scan of the record as the result that it had. Its ticket is as it is now."""
    found, event, ticket, hours, unused = scan.ticket, scan.event, None, None, 0
    if found is not None:
        ticket = CheckedTicket(
            found.pk, found.event_id, found.ticket_type.name, found.holder_name, found.order.code
        )
        if scan.result in _WITH_PARTY:
            unused = len(party_of(found.pk, scan.gate))
    if event is not None:
        hours = DoorHours(event.checkin_starts_at, event.checkin_ends_at, event.timezone)
    return CheckIn(
        scan_id=scan.scan_id,
        result=ScanResult(scan.result),
        at=scan.scanned_at,
        ticket=ticket,
        hours=hours,
        is_inside=found is not None and is_inside(found),
        unused=unused,
        is_conflict=scan.conflict,
    )


def first_admission(ticket_id: UUID) -> Scan | None:
    """Return the scan that admitted a ticket and was not undone."""
    return _latest(ticket_id, ScanResult.ADMITTED)


def latest_entry(ticket_id: UUID) -> Scan | None:
    """Return the latest scan that let the ticket's holder in and was not undone."""
    return _latest(ticket_id, *ENTRIES)


def latest_exit(ticket_id: UUID) -> Scan | None:
    """Return the latest scan that let the ticket's holder out and was not undone."""
    return _latest(ticket_id, ScanResult.EXITED)


def is_inside(ticket: Ticket) -> bool:
    """Return whether the holder of a ticket is inside now."""
    return ticket.status == TicketStatus.USED and ticket.inside is not False


def _add_decision(scan: Scan, decision: Decision) -> None:
    clashes = (
        decision == Decision.ADMITTED
        and scan.direction == Direction.ENTRY
        and scan.result not in LET_THROUGH
    )
    added = Scan.objects.filter(pk=scan.pk, decision="").update(decision=decision, conflict=clashes)
    if added:
        scan.decision, scan.conflict = decision, clashes


def party_of(ticket_id: UUID, gate: str) -> list[UUID]:
    """Return the tickets that came with a ticket and may still be used at a gate, sorted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM party_of(%s, %s) ORDER BY id", [ticket_id, gate])
        return [found for (found,) in cursor.fetchall()]


def _latest(ticket_id: UUID, *results: ScanResult) -> Scan | None:
    scans = Scan.objects.select_related("device").filter(
        ticket_id=ticket_id, result__in=results, undone_at=None
    )
    return scans.order_by("-scanned_at", "-recorded_at", "-pk").first()
