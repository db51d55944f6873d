"""Reading the catalogue: finding public events, and how many of their tickets are left."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import BooleanField, F, Func, QuerySet, Value

from events.event_cache import CachedEvent, read_event, take_event, take_event_named
from events.models import Event, EventStatus, EventWords
from events.stock.cold import left_while_cold
from events.stock.holds import InventoryUnavailable, read_stock, read_stocks
from events.stock.record import latest_end_by_type, recorded_left_by_type


class Period(StrEnum):
    """Which events the catalogue lists, by their end. A running event is upcoming."""

    UPCOMING = "upcoming"
    PAST = "past"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class CatalogueFilter:
    """The search of a visitor. An empty value does not restrict the result."""

    words: str = ""
    city: str = ""
    starts_after: datetime | None = None
    starts_before: datetime | None = None
    # None: upcoming events, or all events if a bound of `starts_at` is in the past.
    period: Period | None = None
    ordering: str = "starts_at"


class _Matches(Func):
    """PostgreSQL's `@@`: whether a tsvector matches a tsquery."""

    template = "%(expressions)s"
    arg_joiner = " @@ "
    output_field = BooleanField()


def public_events(wanted: CatalogueFilter, *, now: datetime) -> QuerySet[Event]:
    """Return the published events that match the filter, with their ticket types."""
    events = Event.objects.filter(status=EventStatus.PUBLISHED)
    period = wanted.period or _period_of_range(wanted, now)
    if period == Period.UPCOMING:
        events = events.filter(ends_at__gt=now)
    elif period == Period.PAST:
        events = events.filter(ends_at__lte=now)
    if words := words_in(wanted.words):
        query = Func(Value(" ".join(words)), template="words_asked_for(said => %(expressions)s)")
        matching = EventWords.objects.filter(_Matches(F("words"), query))
        events = events.filter(pk__in=matching.values("event_id"))
    if wanted.city:
        events = events.filter(city__iexact=wanted.city)
    if wanted.starts_after is not None:
        events = events.filter(starts_at__gte=wanted.starts_after)
    if wanted.starts_before is not None:
        events = events.filter(starts_at__lt=wanted.starts_before)
    return events.order_by(wanted.ordering, "id").prefetch_related("ticket_types")


def words_in(text: str) -> list[str]:
    """
    Return the words of a search text: two or more letters or digits in a row, or one digit.

    Each matches whole words and beginnings of words. A single letter is ignored: nearly every
    event has a word that begins with it.
    """
    return re.findall(r"[^\W_]{2,}|\d", text)


def _period_of_range(wanted: CatalogueFilter, now: datetime) -> Period:
    bounds = (wanted.starts_after, wanted.starts_before)
    in_past = any(bound is not None and bound <= now for bound in bounds)
    return Period.ALL if in_past else Period.UPCOMING


def own_events(events: QuerySet[Event], external_id: str) -> QuerySet[Event]:
    """Return those of `events` with that `external_id`, in pages' order, with their types."""
    found = events.filter(external_id=external_id)
    return found.order_by("-created_at", "pk").prefetch_related("ticket_types")


def find_event(reference: str) -> Event | None:
    """Return the event with that id or slug, of any status, with its ticket types."""
    events = Event.objects.prefetch_related("ticket_types")
    try:
        return events.filter(pk=UUID(reference)).first()
    except ValueError:
        return events.filter(slug=reference).first()


def look_up_event(
    reference: str, *, now: datetime
) -> tuple[CachedEvent, Mapping[UUID, int]] | None:
    """
    Return a public event from the event cache with its stock, in one round trip to Redis.

    The stock is the number of tickets left by ticket type. Return None for a draft, for an unknown
    id or slug, and if Redis is unavailable: the caller then uses the view, which reads PostgreSQL.
    """
    cached = take_event_named(reference)
    try:
        stock = read_stock(cached.event.pk) if cached else None
    except InventoryUnavailable:
        return None
    if cached is not None and stock is not None and stock.revision > cached.event.revision:
        cached = take_event(cached.event.pk, revision=stock.revision)
    if (
        cached is None
        or cached.event.status == EventStatus.DRAFT
        or reference not in {cached.event.slug, str(cached.event.pk)}
    ):
        return None
    if stock is not None and stock.left.keys() == cached.types.keys():
        return cached, stock.left
    return _look_up_cold_event(cached.event.pk, now)


def _look_up_cold_event(
    event_id: UUID, now: datetime
) -> tuple[CachedEvent, Mapping[UUID, int]] | None:
    """Return an event with its stock, if Redis does not know all of its ticket types."""
    cached = take_event(event_id)
    if cached is None:
        return None
    left = left_while_cold([cached.event], now=now)[event_id]
    if left.keys() != cached.types.keys():
        # A ticket type was added or dropped since the event was cached.
        cached = read_event(event_id)
    if cached is None or left.keys() != cached.types.keys():
        return None
    return cached, left


def left_by_type(event_ids: Collection[UUID]) -> dict[UUID, int]:
    """
    Return how many tickets of each type are left, by Redis, in one round trip.

    PostgreSQL's figures are returned for events that Redis does not know, and for all events if
    Redis is unavailable.
    """
    try:
        live = read_stocks(event_ids)
    except InventoryUnavailable:
        live = {}
    left = {kind: count for stock in live.values() for kind, count in stock.left.items()}
    if unknown := set(event_ids) - live.keys():
        left |= recorded_left_by_type(unknown)
    return left


def latest_return_by_type(event_id: UUID) -> dict[UUID, datetime]:
    """
    Return when the last tickets that are held now may return, by type of one event.

    They return then if no buyer pays. A type of which nothing is held is not in the result.
    """
    return latest_end_by_type(event_id)


def show_availability(events: Sequence[Event], *, now: datetime) -> None:
    """
    Set `available` on each ticket type of each event.

    The figures are Redis's. For an event that Redis does not know, they are PostgreSQL's, and one
    reader rebuilds its stock in Redis.
    """
    try:
        live = read_stocks([event.pk for event in events])
    except InventoryUnavailable:
        show_recorded_availability(events)
        return
    left = {kind: count for stock in live.values() for kind, count in stock.left.items()}
    cold = [event for event in events if event.pk not in live]
    for figures in left_while_cold(cold, now=now).values():
        left |= figures
    _set_availability(events, left)


def show_recorded_availability(events: Sequence[Event]) -> None:
    """
    Set `available` on each ticket type of each event, by PostgreSQL alone.

    For use inside a transaction, where Redis must not be called.
    """
    _set_availability(events, recorded_left_by_type([event.pk for event in events]))


def _set_availability(events: Sequence[Event], left: Mapping[UUID, int]) -> None:
    for event in events:
        for kind in event.ticket_types.all():
            kind.available = left.get(kind.pk, 0)  # type: ignore[attr-defined]
