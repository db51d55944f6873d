"""Search the tickets of an event for its organizer."""

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
    """Which tickets an organizer wants. A field that is empty does not filter."""

    words: str = ""
    # Tickets with any of these statuses.
    statuses: Collection[str] = ()
    ticket_type: UUID | None = None
    modified_since: datetime | None = None
    # Of the tickets modified exactly at `modified_since`, only those with a greater id.
    after: UUID | None = None


def tickets_of_event(event_id: UUID, wanted: TicketFilter) -> QuerySet[Any]:
    """
    Return the tickets that match, newest first; with `modified_since`, by their last change.

    `words` is the text of a QR code, an order's code, or part of a holder's name.
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
    # A check-in changes a ticket when its scan is recorded. `used_at` may be much earlier: an
    # offline device sends its scans late.
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
    """Add what an organizer sees of a ticket: its order, its type, its gate and its last change."""
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
