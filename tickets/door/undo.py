"""Undo a mistaken entry or exit, so that the ticket is as it was before."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from tickets.models import (
    ENTRIES,
    LET_THROUGH,
    Direction,
    Scan,
    ScanResult,
    Ticket,
    TicketStatus,
)

# Long enough to notice a mistake at the gate, too short to admit a second guest later.
UNDO_WITHIN: Final = timedelta(minutes=15)


class NotCheckedIn(Conflict):
    """The ticket was not checked in, or it was revoked since."""

    code = "not_checked_in"
    title = "This ticket is not checked in"


class UndoTooLate(Conflict):
    """The check-in is older than `UNDO_WITHIN`."""

    code = "undo_too_late"
    title = "This check-in cannot be undone any more"


class LaterScanStands(Conflict):
    """The named scan is not the latest one of its ticket that was let through."""

    code = "later_scan_stands"
    title = "A later scan of this ticket must be undone first"


@transaction.atomic(durable=True)
def undo_check_in(
    *,
    ticket_id: UUID,
    actor: Actor,
    now: datetime,
    scan_id: UUID | None = None,
    store_response: Callable[[Scan], None] = lambda _undone: None,
) -> Scan:
    """
    Undo the latest entry or exit of a ticket. Return its scan. A repeat changes nothing.

    Without its first entry, the ticket is valid again. Without a later entry or an exit, its holder
    is where the scan before says. The scan stays on record. A retry with its `scan_id` gets the
    first response and admits nobody; a new scan may admit again.

    With `scan_id`, that scan is undone and no other one. So an undo can go on to earlier scans.

    `store_response` stores the response in the same transaction.

    :raises NotCheckedIn: if the ticket was not checked in, or is revoked
    :raises LaterScanStands: if a later scan was let through and not undone
    :raises UndoTooLate: if the scan is more than 15 minutes old
    """
    # The lock prevents a check-in, a refund or another undo between the reads and the writes below.
    ticket = (
        Ticket.objects.select_for_update(of=("self",)).select_related("event").get(pk=ticket_id)
    )
    scan = _scan_to_undo(ticket, scan_id)
    if scan.undone_at is not None:
        store_response(scan)
        return scan
    # By the time of recording: an offline device sends its scans late.
    if now - scan.recorded_at > UNDO_WITHIN:
        raise UndoTooLate("The ticket was checked in more than 15 minutes ago.")
    scan.undone_at, scan.undone_by = now, f"{actor.kind}:{actor.id}"
    scan.save(update_fields=["undone_at", "undone_by"])
    _restore_ticket(ticket_id, scan)
    record_act(
        act=ActType.TICKET_CHECKIN_UNDONE,
        actor=actor,
        subject_id=ticket_id,
        organizer_id=ticket.event.organizer_id,
        at=now,
        details={"scan": str(scan.pk), "gate": scan.gate},
    )
    scan.ticket = Ticket.objects.get(pk=ticket_id)
    store_response(scan)
    return scan


def _scan_to_undo(ticket: Ticket, scan_id: UUID | None) -> Scan:
    """Return the scan to undo, or the one that a repeat has undone before."""
    passages = Scan.objects.filter(ticket=ticket, result__in=LET_THROUGH).select_related("ticket")
    # Scans of one upload are recorded at one moment.
    latest_first = passages.filter(undone_at=None).order_by("-recorded_at", "-scanned_at", "-pk")
    standing = latest_first.first()
    undone = passages.exclude(undone_at=None).order_by("-undone_at", "-pk").first()
    latest = standing or undone
    if latest is None or ticket.status == TicketStatus.REVOKED:
        raise NotCheckedIn("The ticket was revoked." if latest else "The ticket was not admitted.")
    if scan_id is not None:
        named = passages.filter(scan_id=scan_id).order_by("pk").first()
        if named is None:
            raise NotCheckedIn("No entry or exit of this ticket has that `scan_id`.")
        if named.undone_at is None and named != standing:
            raise LaterScanStands("Undo the ticket's later entries and exits first.")
        return named
    # An undone first entry had no scan before it. So what stands is newer, also if the clock of its
    # process is slow.
    if standing and undone and undone.result != ScanResult.ADMITTED:
        return standing if standing.recorded_at > undone.recorded_at else undone
    return latest


def _restore_ticket(ticket_id: UUID, undone: Scan) -> None:
    row = Ticket.objects.filter(pk=ticket_id)
    if undone.result == ScanResult.ADMITTED:
        row.update(
            status=TicketStatus.VALID,
            used_at=None,
            inside=None,
            last_entry_at=None,
            entry_gate=None,
        )
        return
    standing = Scan.objects.filter(
        ticket_id=ticket_id, result__in=LET_THROUGH, undone_at=None
    ).order_by("-scanned_at", "-pk")
    before, entry = standing.first(), standing.filter(result__in=ENTRIES).first()
    row.update(
        inside=before is None or before.direction == Direction.ENTRY,
        last_entry_at=entry and entry.scanned_at,
        entry_gate=entry and entry.gate,
    )
