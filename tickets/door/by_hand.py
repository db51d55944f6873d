"""Check a ticket in by hand, without its QR code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from ticketing.actors import Actor, record_act
from ticketing.ids import new_id
from ticketing.models import Act, ActType
from tickets.door.checkin import check_in_ticket
from tickets.door.scans import CheckIn, ScannedCode, Scanner
from tickets.models import ENTRIES, Ticket

# The gate of every scan by hand in the admin.
GATE: Final = "admin"


class ReasonByHand(models.TextChoices):
    """Why staff check in by hand. A fixed list, so that acts have no personal data."""

    PHONE_IS_OUT = "phone_is_out", _("The phone is lost or has no battery")
    CODE_IS_UNREADABLE = "code_is_unreadable", _("The code cannot be read")
    NO_TICKET_AT_HAND = "no_ticket_at_hand", _("The guest has no ticket at hand")
    SCANNER_IS_OUT = "scanner_is_out", _("The scanner does not work")
    ENTERED_BEFORE = "entered_before", _("The guest entered without a scan")


@dataclass(frozen=True, slots=True)
class Hand:
    """Who checks in by hand, at which gate: a user in the admin, or a supervisor's device."""

    actor: Actor
    gate: str = GATE
    device_digest: str | None = None

    def scanner(self, organizer_id: UUID) -> Scanner:
        """Return the scanner that records the scan, for the events of one organizer."""
        if self.device_digest is not None:
            return Scanner(device_digest=self.device_digest)
        user = self.actor.id
        return Scanner(f"user:{user}", organizers=(organizer_id,), user_id=int(user))


def check_in_by_hand(  # noqa: PLR0913 - one argument for each part of the scan
    *,
    ticket: Ticket,
    reason: ReasonByHand,
    by: Hand,
    now: datetime,
    scan_id: UUID | None = None,
    store_response: Callable[[CheckIn], None] = lambda _attempt: None,
) -> CheckIn:
    """
    Admit a ticket or refuse it, by the statement that decides each scan. Record it as a scan.

    An admission is recorded as an act too. The door's hours and its gates' rules apply. A repeat
    with the same `scan_id` gets the first result; without it, each call is another attempt.

    :raises EventNotForScanner: if the ticket's event does not exist any more
    :raises UnknownDevice: if the device was revoked meanwhile
    :raises ScanIdReused: if the scanner gave the same id to another code before
    """
    organizer_id = ticket.event.organizer_id
    scanned = ScannedCode(
        scan_id=scan_id or new_id(),
        code=ticket.code,
        gate=by.gate,
        at=now,
        event_id=ticket.event_id,
    )

    def record(attempt: CheckIn) -> None:
        if attempt.result in ENTRIES and not _is_recorded(ticket.pk, attempt.scan_id):
            _record(ticket.pk, organizer_id, attempt.scan_id, reason, by=by, now=now)
        store_response(attempt)

    return check_in_ticket(
        scanned=scanned, scanner=by.scanner(organizer_id), now=now, store_response=record
    )


def _is_recorded(ticket_id: UUID, scan_id: UUID) -> bool:
    acts = Act.objects.filter(subject_id=ticket_id, type=ActType.TICKET_CHECKED_IN_BY_HAND)
    return acts.filter(details__scan=str(scan_id)).exists()


def _record(  # noqa: PLR0913 - one argument for each part of the act
    ticket_id: UUID,
    organizer_id: UUID,
    scan_id: UUID,
    reason: ReasonByHand,
    *,
    by: Hand,
    now: datetime,
) -> None:
    with translation.override("en"):
        # The history translates it for its reader.
        why = str(reason.label)
    record_act(
        act=ActType.TICKET_CHECKED_IN_BY_HAND,
        actor=by.actor,
        subject_id=ticket_id,
        organizer_id=organizer_id,
        at=now,
        details={"scan": str(scan_id), "gate": by.gate, "reason": why},
    )
