"""An organizer's way to look through the tickets of an event."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest

from tickets.codes import read_ticket_id
from tickets.models import Scan, ScanResult, Ticket


@dataclass(frozen=True, slots=True)
class TicketFilter:
    """What an organizer is looking for."""

    words: str = ""
    # Any of these. None: all.
    statuses: Collection[str] = ()
    ticket_type: UUID | None = None
    modified_since: datetime | None = None
    # Of those of that moment, the ones after this.
    after: UUID | None = None


def tickets_of_event(event_id: UUID, wanted: TicketFilter) -> QuerySet[Any]:
    """
    Return the tickets that fit, newest first; with `modified_since`, in the order of their changes.

    `words` are the text of a QR code, an order's code, or part of a holder's name.
    """
    tickets = with_all_shown(Ticket.objects.filter(event_id=event_id))
    if wanted.words:
        known = read_ticket_id(wanted.words)
        tickets = tickets.filter(
            Q(pk=known)
            if known
            else Q(order__code=wanted.words.upper()) | Q(holder_name__icontains=wanted.words)
        )
    if wanted.statuses:
        tickets = tickets.filter(status__in=wanted.statuses)
    if wanted.ticket_type is not None:
        tickets = tickets.filter(ticket_type_id=wanted.ticket_type)
    since = wanted.modified_since
    if since is None:
        return tickets.order_by("-created_at", "-id")
    # A used ticket was changed when its scan was recorded: it may have been made long before.
    scanned = Scan.objects.filter(
        Q(recorded_at__gte=since) | Q(undone_at__gte=since),
        event_id=event_id,
        result=ScanResult.ADMITTED,
    )
    changed = tickets.filter(
        Q(created_at__gte=since)
        | Q(revoked_at__gte=since)
        | Q(refunded_at__gte=since)
        | Q(pk__in=scanned.values("ticket_id"))
    )
    if wanted.after is not None:
        changed = changed.exclude(modified_at=since, pk__lte=wanted.after)
    return changed.order_by("modified_at", "id")


def with_all_shown(tickets: QuerySet[Ticket]) -> QuerySet[Any]:
    """Fetch with some tickets all that an organizer is shown of them."""
    admissions = Scan.objects.filter(ticket=OuterRef("pk"), result=ScanResult.ADMITTED)
    latest = admissions.order_by("-recorded_at", "-pk")
    counts = admissions.filter(undone_at=None).order_by()
    return tickets.select_related("order", "ticket_type").annotate(
        modified_at=Greatest(
            "created_at",
            "revoked_at",
            "refunded_at",
            Subquery(latest.values("recorded_at")[:1]),
            Subquery(latest.values("undone_at")[:1]),
        ),
        gate=Subquery(counts.values("gate")[:1]),
    )
