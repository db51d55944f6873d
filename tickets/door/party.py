"""Let a whole party in by one scan: the unused tickets of an order, all or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from orders.models import Order
from ticketing.errors import Conflict
from tickets.door.checkin import decide_scan, verified_ticket_id
from tickets.door.earlier import ScanIdReused, as_check_in, find_scans, party_of
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import ENTRIES, Device, ScanResult, Ticket, TicketStatus


class PartyChanged(Conflict):
    """Another number of tickets may enter now than the caller has sent scan ids for."""

    code = "party_changed"
    title = "Another number of tickets may enter"

    def __init__(self, unused: int) -> None:
        super().__init__(f"{unused} tickets of the order may enter here. Scan one of them again.")
        self.details = {"party": {"unused": unused}}


@dataclass(frozen=True, slots=True)
class ScannedParty:
    """A code of an order whose unused tickets shall enter, each by a scan with an id of these."""

    code: str
    scan_ids: Sequence[UUID]
    gate: str
    at: datetime


class TicketRefused(Exception):
    """A ticket of the party was refused, so nobody was admitted and nothing was recorded."""

    def __init__(self, attempt: CheckIn) -> None:
        super().__init__(attempt.result)
        self.attempt = attempt


def admit_party(
    *,
    party: ScannedParty,
    scanner: Scanner,
    now: datetime,
    store_response: Callable[[Sequence[CheckIn]], None] = lambda _admitted: None,
) -> list[CheckIn]:
    """
    Admit all tickets that came with a code and are unused, or none. Each gets a scan of its own.

    They are those of `party_of`: of the same order, and admitted at this gate. A repeat with the
    same scan ids returns the first result. `store_response` stores the response in the transaction
    of the scans.

    :raises PartyChanged: if the number of such tickets is not that of the scan ids. `details` has
        their number
    :raises TicketRefused: if the code or a ticket is refused, with the refusal
    :raises ScanIdReused: if the scanner used one of the ids for another scan
    :raises UnknownDevice, EventNotForScanner: as `check_in_ticket` does
    """
    ticket_id = verified_ticket_id(party.code)
    try:
        return _admit_all(party, ticket_id, scanner, now, store_response)
    except (IntegrityError, PartyChanged):
        # A repeat: its scan ids are taken, and its tickets are used.
        earlier = _find_admitted(party, ticket_id, scanner)
        if earlier is None:
            raise
        store_response(earlier)
        return earlier


@transaction.atomic(durable=True)
def _admit_all(
    party: ScannedParty,
    ticket_id: UUID | None,
    scanner: Scanner,
    now: datetime,
    store_response: Callable[[Sequence[CheckIn]], None],
) -> list[CheckIn]:
    own = Ticket.objects.filter(pk=ticket_id).first() if ticket_id else None
    if own is None:
        raise TicketRefused(_decide(party, party.code, party.scan_ids[0], scanner, now))
    # Before its tickets, as a refund does: two transactions that lock them in another order would
    # wait for each other.
    Order.objects.select_for_update(no_key=True).get(pk=own.order_id)
    own.refresh_from_db(fields=["status"])
    if own.status == TicketStatus.REVOKED:
        # The party's own codes still work. One that was taken back must not stand for them.
        raise TicketRefused(_decide(party, party.code, party.scan_ids[0], scanner, now))
    with_it = party_of(own.pk, party.gate or _gate_of(scanner))
    # The status again: a single scan may have used one of them before the lock.
    unused = Ticket.objects.filter(pk__in=with_it, status=TicketStatus.VALID)
    locked = unused.order_by("pk").select_for_update(no_key=True)
    codes = list(locked.values_list("code", flat=True))
    if len(codes) != len(party.scan_ids):
        # This scan goes with the transaction. A stranger's code must be refused as such.
        attempt = _decide(party, party.code, party.scan_ids[0], scanner, now)
        if attempt.result in ENTRIES or attempt.result == ScanResult.ALREADY_USED:
            raise PartyChanged(len(codes))
        raise TicketRefused(attempt)
    attempts = []
    for code, scan_id in zip(codes, party.scan_ids, strict=True):
        attempt = _decide(party, code, scan_id, scanner, now)
        if attempt.result != ScanResult.ADMITTED:
            raise TicketRefused(attempt)
        attempts.append(replace(attempt, unused=0))
    store_response(attempts)
    return attempts


def _decide(
    party: ScannedParty, code: str, scan_id: UUID, scanner: Scanner, now: datetime
) -> CheckIn:
    scanned = ScannedCode(scan_id, code, party.gate, party.at)
    return decide_scan(scanned=scanned, scanner=scanner, now=now)


def _gate_of(scanner: Scanner) -> str:
    devices = Device.objects.filter(digest=scanner.device_digest).order_by("pk")
    return devices.values_list("gate", flat=True).first() or ""


def _find_admitted(
    party: ScannedParty, ticket_id: UUID | None, scanner: Scanner
) -> list[CheckIn] | None:
    """Return the scans of a repeated party in the order of its scan ids, or None if it is new."""
    found = {scan.scan_id: scan for scan in find_scans(party.scan_ids, scanner)}
    if not found:
        return None
    own = Ticket.objects.filter(pk=ticket_id).first() if ticket_id else None
    scans = [found.get(scan_id) for scan_id in party.scan_ids]
    of_this_order = all(
        scan is not None
        and own is not None
        and scan.result == ScanResult.ADMITTED
        and scan.ticket is not None
        and scan.ticket.order_id == own.order_id
        for scan in scans
    )
    if not of_this_order:
        raise ScanIdReused("Give each scan an id of its own.")
    return [replace(as_check_in(scan), unused=0) for scan in scans if scan is not None]
