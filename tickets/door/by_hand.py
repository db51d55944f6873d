"""Check a ticket in by hand, without its QR code."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from ticketing.actors import Actor, record_act
from ticketing.ids import new_id
from ticketing.models import ActType
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import ENTRIES, Ticket

# The gate of every scan by hand.
GATE: Final = "admin"


class ReasonByHand(models.TextChoices):
    """Why staff check in by hand. A fixed list, so that acts have no personal data."""

    PHONE_IS_OUT = "phone_is_out", _("The phone is lost or has no battery")
    CODE_IS_UNREADABLE = "code_is_unreadable", _("The code cannot be read")
    NO_TICKET_AT_HAND = "no_ticket_at_hand", _("The guest has no ticket at hand")
    SCANNER_IS_OUT = "scanner_is_out", _("The scanner does not work")
    ENTERED_BEFORE = "entered_before", _("The guest entered without a scan")


def check_in_by_hand(
    *, ticket: Ticket, reason: ReasonByHand, actor: Actor, now: datetime
) -> CheckIn:
    """
    Admit a ticket or refuse it, by the statement that decides each scan. Record it as a scan.

    `actor` is a user. An admission is recorded as an act of the user too. The door's hours apply.

    :raises EventNotForScanner: if the ticket's event does not exist any more
    """
    organizer_id = ticket.event.organizer_id
    # A new id each time: a repeat of the form is another attempt, and is refused as already used.
    scanned = ScannedCode(
        scan_id=new_id(), code=ticket.code, gate=GATE, at=now, event_id=ticket.event_id
    )

    def record(attempt: CheckIn) -> None:
        if attempt.result in ENTRIES:
            _record(ticket.pk, organizer_id, attempt.scan_id, reason, actor=actor, now=now)

    return check_in_ticket(
        scanned=scanned,
        scanner=Scanner(f"user:{actor.id}", organizers=(organizer_id,), user_id=int(actor.id)),
        now=now,
        store_response=record,
    )


def _record(  # noqa: PLR0913 - one argument for each part of the act
    ticket_id: UUID,
    organizer_id: UUID,
    scan_id: UUID,
    reason: ReasonByHand,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    with translation.override("en"):
        # The history translates it for its reader.
        why = str(reason.label)
    record_act(
        act=ActType.TICKET_CHECKED_IN_BY_HAND,
        actor=actor,
        subject_id=ticket_id,
        organizer_id=organizer_id,
        at=now,
        details={"scan": str(scan_id), "gate": GATE, "reason": why},
    )
