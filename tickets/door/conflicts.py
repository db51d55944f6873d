"""Conflicts: scans by which a device that was offline let somebody in whom the rules refuse."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from ticketing.actors import Actor, record_act
from ticketing.errors import NotFound
from ticketing.models import ActType
from tickets.models import ENTRIES, LET_THROUGH, Scan
from tickets.ticket_codes import readable_codes

# More than staff can look at. The list of scans has them all.
MOST_SHOWN: Final = 20


class ConflictNotFound(NotFound):
    """No conflict of the event has that id."""

    code = "not_found"
    title = "There is nothing here"


@dataclass(frozen=True, slots=True)
class Conflict:
    """
    A scan against the rules, with the latest other entry of the ticket if there is one.

    `code` is the ticket's code that people read aloud, empty if the ticket was replaced.
    """

    scan: Scan
    other: Scan | None
    code: str

    @property
    def is_admission(self) -> bool:
        """Say whether the ticket was valid, but not at that gate or at that time."""
        return self.scan.result in LET_THROUGH


def open_conflicts(event_ids: Collection[UUID]) -> dict[UUID, list[Conflict]]:
    """
    Return the conflicts that nobody has acknowledged, by event, the newest first.

    Of one event they are `MOST_SHOWN` at most, of several events so many times as many together.
    """
    conflicts: dict[UUID, list[Conflict]] = {event_id: [] for event_id in event_ids}
    found = list(
        _open(event_ids)
        .select_related("ticket__order", "ticket__ticket_type", "device", "event")
        .order_by("-recorded_at", "-pk")[: MOST_SHOWN * len(event_ids)]
    )
    codes = readable_codes(scan.ticket for scan in found if scan.ticket)
    others = _latest_entries(found)
    for scan in found:
        if scan.event_id is not None and scan.ticket_id is not None:
            code = codes.get(scan.ticket_id, "")
            conflicts[scan.event_id].append(Conflict(scan, others.get(scan.pk), code))
    return conflicts


def acknowledge_conflict(*, event_id: UUID, scan_key: UUID, actor: Actor, now: datetime) -> None:
    """
    Store that somebody has looked at a conflict of an event. A repeat changes nothing.

    `scan_key` is the primary key of its scan.

    :raises ConflictNotFound: if the event has no such conflict
    """
    with transaction.atomic(durable=True):
        scans = Scan.objects.filter(pk=scan_key, event_id=event_id, conflict=True)
        scan = scans.select_related("event").first()
        if scan is None or scan.event is None or scan.ticket_id is None:
            raise ConflictNotFound("No conflict of the event has that id.")
        acknowledged = scans.filter(acknowledged_at=None).update(
            acknowledged_at=now, acknowledged_by=f"{actor.kind}:{actor.id}"
        )
        if acknowledged:
            record_act(
                act=ActType.TICKET_CONFLICT_ACKNOWLEDGED,
                actor=actor,
                subject_id=scan.ticket_id,
                organizer_id=scan.event.organizer_id,
                at=now,
                details={"scan": str(scan.pk), "gate": scan.gate},
            )


def _open(event_ids: Collection[UUID]) -> QuerySet[Scan]:
    return Scan.objects.filter(
        event__in=event_ids, conflict=True, acknowledged_at=None, ticket__isnull=False
    )


def _latest_entries(conflicts: Collection[Scan]) -> dict[UUID, Scan]:
    """Return the latest entry of each conflict's ticket that is not the conflict itself."""
    by_ticket: dict[UUID | None, list[Scan]] = {}
    if not conflicts:
        return {}
    entries = Scan.objects.select_related("device").filter(
        ticket__in={scan.ticket_id for scan in conflicts}, result__in=ENTRIES, undone_at=None
    )
    for entry in entries.order_by("-scanned_at", "-recorded_at", "-pk"):
        by_ticket.setdefault(entry.ticket_id, []).append(entry)
    return {
        scan.pk: other
        for scan in conflicts
        for other in [
            next((each for each in by_ticket.get(scan.ticket_id, []) if each.pk != scan.pk), None)
        ]
        if other is not None
    }
