"""Undo a mistaken check-in, so that the ticket is valid again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from tickets.models import Scan, ScanResult, Ticket, TicketStatus

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


@transaction.atomic(durable=True)
def undo_check_in(
    *,
    ticket_id: UUID,
    actor: Actor,
    now: datetime,
    store_response: Callable[[Scan], None] = lambda _undone: None,
) -> Scan:
    """
    Make a used ticket valid again. Return the scan that was undone. A repeat changes nothing.

    The scan stays on record. A retry with its `scan_id` gets the first response and admits nobody;
    a new scan may admit again. `store_response` stores the response in the same transaction.

    :raises NotCheckedIn: if the ticket was not checked in, or is revoked
    :raises UndoTooLate: if the check-in is more than 15 minutes old
    """
    # The lock prevents a check-in, a refund or another undo between the reads and the writes below.
    ticket = (
        Ticket.objects.select_for_update(of=("self",)).select_related("event").get(pk=ticket_id)
    )
    admissions = Scan.objects.filter(ticket_id=ticket_id, result=ScanResult.ADMITTED)
    # At most one admission is not undone: it comes first. Sorting by time would be wrong, because
    # the clocks of two processes differ.
    not_undone_first = F("undone_at").desc(nulls_first=True)
    latest = admissions.select_related("ticket").order_by(not_undone_first, "-pk").first()
    if latest is None or ticket.status == TicketStatus.REVOKED:
        raise NotCheckedIn("The ticket was revoked." if latest else "The ticket was not admitted.")
    if latest.undone_at is not None:
        store_response(latest)
        return latest
    # By the time of recording: an offline device sends its scans late.
    if now - latest.recorded_at > UNDO_WITHIN:
        raise UndoTooLate("The ticket was checked in more than 15 minutes ago.")
    latest.undone_at, latest.undone_by = now, f"{actor.kind}:{actor.id}"
    latest.save(update_fields=["undone_at", "undone_by"])
    Ticket.objects.filter(pk=ticket_id).update(status=TicketStatus.VALID, used_at=None)
    record_act(
        act=ActType.TICKET_CHECKIN_UNDONE,
        actor=actor,
        subject_id=ticket_id,
        organizer_id=ticket.event.organizer_id,
        at=now,
        details={"scan": str(latest.pk), "gate": latest.gate},
    )
    latest.ticket = Ticket.objects.get(pk=ticket_id)
    store_response(latest)
    return latest
