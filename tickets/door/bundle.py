"""
Read the offline bundle of a door: which tickets of its events were used, revoked or freed again.

A device downloads everything once, in pages, and then only what has changed since. Its decisions
without a network rest on it, so a change must never be missed; one that arrives twice does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from tickets.door.cursor import Cursor, Place, digest_events
from tickets.models import DoorMark, TicketStatus

# A page of so many ids is about 400 kB, compressed.
PAGE_SIZE: Final = 20_000

# Every transaction below the first number has ended, and none has a number above the second.
_SNAPSHOT: Final = """
SELECT pg_snapshot_xmin(now_open)::text::bigint, pg_snapshot_xmax(now_open)::text::bigint
FROM pg_current_snapshot() AS now_open
"""


@dataclass(frozen=True, slots=True)
class TicketChanges:
    """
    One page of tickets that are not as they were sold, or that have changed.

    With `reset` it is the first page of everything: what the device knew before may be wrong.
    """

    cursor: str
    is_complete: bool
    is_reset: bool
    made_at: datetime
    revoked: list[UUID] = field(default_factory=list)
    used: list[UUID] = field(default_factory=list)
    freed: list[UUID] = field(default_factory=list)


def read_ticket_changes(
    *, event_ids: Sequence[UUID], since: str | None, now: datetime
) -> TicketChanges:
    """
    Return a page of the tickets of events that were used or revoked, or have changed since then.

    Without `since`, or if it cannot be continued, the page is the first of all such tickets. A
    cursor cannot be continued if it is not ours, if it is about other events, if it is as old as a
    bundle may be, or if the database was restored to a time before it.
    """
    lowest_open, next_one = _open_transactions()
    start = _continue(since, event_ids, now=now, next_one=next_one) if since else None
    begin = start or Cursor(0, now, digest_events(event_ids))
    round_of = begin
    if begin.after is None:
        # The numbers above were read before the marks are. A transaction that commits in between
        # is not below the floor, so the next round returns its marks.
        round_of = replace(begin, floor=lowest_open, begun_at=now)
    marks = _marks_after(event_ids, begin)
    page, is_complete = marks[:PAGE_SIZE], len(marks) <= PAGE_SIZE
    after = None
    if not is_complete:
        changed_in, ticket_id, _ = page[-1]
        after = Place(changed_in, ticket_id)
    changes = TicketChanges(
        cursor=str(replace(round_of, after=after)),
        is_complete=is_complete,
        is_reset=start is None,
        made_at=round_of.begun_at,
    )
    for _, ticket_id, status in page:
        _lists(changes)[status].append(ticket_id)
    return changes


def bundle_lasts() -> timedelta:
    """Return how long a device may decide by a bundle."""
    return timedelta(hours=settings.DOOR_BUNDLE_HOURS)


def _open_transactions() -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOT)
        lowest_open, next_one = cursor.fetchone()
    return lowest_open, next_one


def _continue(
    text: str, event_ids: Sequence[UUID], *, now: datetime, next_one: int
) -> Cursor | None:
    cursor = Cursor.read(text)
    if (
        cursor is None
        or cursor.events != digest_events(event_ids)
        or abs(now - cursor.begun_at) > bundle_lasts()
        or not 0 < cursor.floor <= next_one
    ):
        return None
    return cursor


def _marks_after(event_ids: Sequence[UUID], cursor: Cursor) -> list[tuple[int, UUID, str]]:
    marks = DoorMark.objects.filter(event__in=event_ids)
    place = cursor.after
    if place is None:
        marks = marks.filter(changed_in__gte=cursor.floor)
    else:
        later = Q(changed_in__gt=place.changed_in) | Q(ticket_id__gt=place.ticket_id)
        marks = marks.filter(later, changed_in__gte=place.changed_in)
    found = marks.order_by("changed_in", "ticket_id")
    return list(found.values_list("changed_in", "ticket_id", "ticket__status")[: PAGE_SIZE + 1])


def _lists(changes: TicketChanges) -> dict[str, list[UUID]]:
    return {
        TicketStatus.REVOKED: changes.revoked,
        TicketStatus.USED: changes.used,
        TicketStatus.VALID: changes.freed,
    }
