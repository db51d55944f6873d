"""Undoing a check-in: a mistaken scan does not cost a guest the evening."""

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

# Long enough to notice a mistake at the gate, too short to bring another guest in later.
UNDO_WITHIN: Final = timedelta(minutes=15)


class NotCheckedIn(Conflict):
    """The ticket was not admitted, or it was revoked since."""

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
    Make a used ticket valid again. Return the admission that was undone. Twice is once.

    The admission stays on record. A repeat of its `scan_id` gets its first response and opens no
    gate; a new scan admits again. `store_response` stores the response in the same transaction.

    :raises NotCheckedIn: if the ticket let nobody in, or is revoked
    :raises UndoTooLate: if it let somebody in more than 15 minutes ago
    """
    # A gate that scans it, a refund and another undo wait for us, or we for them.
    ticket = (
        Ticket.objects.select_for_update(of=("self",)).select_related("event").get(pk=ticket_id)
    )
    admissions = Scan.objects.filter(ticket_id=ticket_id, result=ScanResult.ADMITTED)
    # One at most is not undone. Its time does not say so: the clocks of two processes differ.
    standing = F("undone_at").desc(nulls_first=True)
    latest = admissions.select_related("ticket").order_by(standing, "-pk").first()
    if latest is None or ticket.status == TicketStatus.REVOKED:
        raise NotCheckedIn("It was revoked." if latest else "It has let nobody in.")
    if latest.undone_at is not None:
        store_response(latest)
        return latest
    # By the time of its record: a device that was offline reports its scans late.
    if now - latest.recorded_at > UNDO_WITHIN:
        raise UndoTooLate("It has let somebody in more than 15 minutes ago.")
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
