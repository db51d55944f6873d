"""
Read the offline bundle of a door: which tickets of its events were used, revoked or freed again.

A device downloads everything once, in pages, and then only what has changed since. Its decisions
without a network rest on it, so a change must never be missed; one that arrives twice does no harm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Coalesce

from events.models import Event, Reentry
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

    With `is_reset` it is the first page of everything: what the device knew before may be wrong.
    `outside` are those of `used` whose holder has left. `entered_at` has the latest entry of those
    of `used` that may enter once on each day. `freed` tickets are valid again.
    """

    cursor: str
    is_complete: bool
    is_reset: bool
    made_at: datetime
    revoked: list[UUID] = field(default_factory=list)
    used: list[UUID] = field(default_factory=list)
    outside: list[UUID] = field(default_factory=list)
    entered_at: dict[UUID, datetime] = field(default_factory=dict)
    freed: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Mark:
    changed_in: int
    ticket_id: UUID
    event_id: UUID
    status: str
    inside: bool | None
    entered_at: datetime | None


def read_ticket_changes(
    *, events: Sequence[Event], since: str | None, now: datetime
) -> TicketChanges:
    """
    Return a page of the tickets of events that were used or revoked, or have changed since then.

    Without `since`, or if it cannot be continued, the page is the first of all such tickets. A
    cursor cannot be continued if it is not ours, if it is about other events, if it is as old as a
    bundle may be, or if the database was restored to a time before it.
    """
    event_ids = [event.pk for event in events]
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
        after = Place(page[-1].changed_in, page[-1].ticket_id)
    changes = TicketChanges(
        cursor=str(replace(round_of, after=after)),
        is_complete=is_complete,
        is_reset=start is None,
        made_at=round_of.begun_at,
    )
    daily = {event.pk for event in events if event.reentry == Reentry.ONCE_A_DAY}
    for mark in page:
        _add(mark, changes, is_daily=mark.event_id in daily)
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


def _marks_after(event_ids: Sequence[UUID], cursor: Cursor) -> list[_Mark]:
    marks: Any = DoorMark.objects.filter(event__in=event_ids)
    place = cursor.after
    if place is None:
        marks = marks.filter(changed_in__gte=cursor.floor)
    else:
        later = Q(changed_in__gt=place.changed_in) | Q(ticket_id__gt=place.ticket_id)
        marks = marks.filter(later, changed_in__gte=place.changed_in)
    entered_at = Coalesce("ticket__last_entry_at", "ticket__used_at")
    found = marks.order_by("changed_in", "ticket_id").values_list(
        "changed_in", "ticket_id", "event_id", "ticket__status", "ticket__inside", entered_at
    )
    return [_Mark(*row) for row in found[: PAGE_SIZE + 1]]


def _add(mark: _Mark, changes: TicketChanges, *, is_daily: bool) -> None:
    if mark.status == TicketStatus.REVOKED:
        changes.revoked.append(mark.ticket_id)
    elif mark.status == TicketStatus.VALID:
        changes.freed.append(mark.ticket_id)
    else:
        changes.used.append(mark.ticket_id)
        # Unknown, in rows of the previous release, means inside.
        if mark.inside is False:
            changes.outside.append(mark.ticket_id)
        if is_daily and mark.entered_at is not None:
            changes.entered_at[mark.ticket_id] = mark.entered_at
