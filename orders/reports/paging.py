"""
Read the rows of an export batch by batch, so that another process can go on after any batch.

The rows of a table are in the order of a moment and their key, and those after `taken_at` are left
out: new rows and changed rows neither repeat nor hide another row. A row is shown as it is when its
batch is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Model, Q, QuerySet

from events.models import Event
from ticketing.clock import zone_named
from ticketing.tables.columns import Column, Row

# Events without rows, such as drafts, are passed over so many at a time.
_EVENTS_AT_ONCE: Final = 100

# Where a batch ended, as JSON. None is before the first row.
Place = dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """
    What an export is about: one event of an organizer, or all of them if `event_id` is None.

    Rows from `since` on and before `until`, where the table has such a moment. None means no limit.
    """

    organizer_id: UUID
    event_id: UUID | None
    taken_at: datetime
    since: datetime | None = None
    until: datetime | None = None

    def events(self) -> QuerySet[Event]:
        events = Event.objects.filter(organizer_id=self.organizer_id)
        return events if self.event_id is None else events.filter(pk=self.event_id)

    def limit(self, rows: QuerySet[Any], moment: str) -> QuerySet[Any]:
        """Return those of `rows` that the export includes, by their column `moment`."""
        if self.since is not None:
            rows = rows.filter(**{f"{moment}__gte": self.since})
        if self.until is not None:
            rows = rows.filter(**{f"{moment}__lt": self.until})
        return rows


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows, and the place after them. Without a place there are no more rows."""

    rows: Sequence[Row]
    place: Place


class TableSource(Protocol):
    """The rows of a table. Texts are in the active language."""

    def columns(self) -> list[Column]:
        """Return the columns in the order of each row's cells."""

    def count(self, at_most: int) -> int:
        """Count the rows, or return `at_most` if there are that many or more."""

    def read(self, place: Place, size: int) -> Batch:
        """Read about `size` rows after the place."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one event that follow a place, and the place after them."""

    event: Event | None
    rows: list[Any] = field(default_factory=list)
    place: Place = None


def read_by_event(
    events: QuerySet[Event],
    rows_of: Callable[[Event], QuerySet[Any]],
    *,
    moment: str,
    place: Place,
    size: int,
) -> Found:
    """Read the next rows of the event at the place, or of the next event that has rows."""
    here = place or {"event": 0}
    following = list(events.filter(number__gte=here["event"]).order_by("number")[:_EVENTS_AT_ONCE])
    for event in following:
        after = here if here["event"] == event.number else None
        found = rows_after(rows_of(event), moment=moment, place=after, size=size)
        if found:
            return Found(event, found, {"event": event.number, **place_of(found[-1], moment)})
    if len(following) < _EVENTS_AT_ONCE:
        return Found(None)
    return Found(None, place={"event": following[-1].number + 1})


def rows_after(rows: QuerySet[Any], *, moment: str, place: Place, size: int) -> list[Any]:
    """Return the next rows in the order of `moment` and key."""
    if place and "at" in place:
        at = datetime.fromisoformat(place["at"])
        # The first condition lets PostgreSQL begin at that place of the index.
        rows = rows.filter(
            Q(**{f"{moment}__gt": at}) | Q(pk__gt=place["id"]), **{f"{moment}__gte": at}
        )
    return list(rows.order_by(moment, "pk")[:size])


def place_of(row: Model, moment: str) -> dict[str, Any]:
    """Return the place after a row."""
    return {"at": getattr(row, moment).isoformat(), "id": str(row.pk)}


def local(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return a moment in the time zone of its event."""
    return moment.astimezone(zone) if moment else None


def zone_of(event: Event) -> ZoneInfo:
    return zone_named(event.timezone)
