"""Erase the buyers of past events, as long after an event as its organizer has chosen."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from events.models import Event
from events.retention import events_past_months, events_past_retention
from orders.models import Order
from orders.personal_data import no_longer_needed, not_erased
from ticketing.actors import record_act, system_actor
from ticketing.models import ActType
from tickets.models import ErasedEvent, ErasureRun
from tickets.personal_data import BATCH, erase_orders

# What one run does at most: some ten thousand orders, within the time limit of a task.
_MOST_BATCHES: Final = 100
_MOST_EVENTS: Final = 500
# An event with a buyer to whom money is owed is looked at again by each run.
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Preview:
    """How many orders would be erased now, of how many events: at most `MOST_COUNTED` orders."""

    orders: int
    events: int


def preview_retention(*, organizer_id: UUID, months: int, now: datetime) -> Preview:
    """Return what the next runs would erase if the organizer chose so many months."""
    past = _unfinished(events_past_months(organizer_id=organizer_id, months=months, now=now))
    orders = _to_erase(Order.objects.filter(event__in=past), now)
    with_orders = past.filter(Exists(orders.filter(event=OuterRef("pk"))))
    return Preview(orders=orders[: MOST_COUNTED + 1].count(), events=with_orders.count())


def erase_old_data(*, now: datetime) -> int:
    """
    Erase the buyers of events that are past their organizer's time. Return how many batches it had.

    What is left when the run ends, or when its process dies, is done by the next one. Each run is
    recorded as one act of each organizer, with the number of orders.

    :raises StorageAway: if S3 does not delete QR codes; their orders stay as they are
    """
    left = _MOST_BATCHES
    due = _unfinished(events_past_retention(now=now)).order_by("organizer_id", "ends_at", "pk")
    for event in due.only("pk", "organizer_id", "ends_at")[:_MOST_EVENTS]:
        left = _erase_event(event, left, now)
        if not left:
            break
    for run in ErasureRun.objects.filter(finished_at=None).order_by("started_at")[:_MOST_EVENTS]:
        _finish_run(run, now)
    return _MOST_BATCHES - left


def _erase_event(event: Event, left: int, now: datetime) -> int:
    """Erase an event's buyers in at most `left` batches, and return how many batches are left."""
    waiting = not_erased(Order.objects.filter(event=event))
    ready = no_longer_needed(waiting, now=now).order_by("created_at", "pk")
    batch: list[tuple[UUID, datetime]] = list(ready.values_list("pk", "created_at")[:BATCH])
    while batch and left:
        erase_orders(
            [order_id for order_id, _ in batch],
            record=partial(_count, organizer_id=event.organizer_id, now=now),
            now=now,
        )
        left -= 1
        # After the last one: what was erased before is not read again.
        last, created_at = batch[-1]
        after = Q(created_at__gt=created_at) | Q(pk__gt=last)
        # The second condition alone can use the index of an event's orders.
        rest = ready.filter(after, created_at__gte=created_at)
        batch = list(rest.values_list("pk", "created_at")[:BATCH])
    if not waiting.exists():
        ErasedEvent.objects.update_or_create(
            event=event, defaults={"ended_at": event.ends_at, "erased_at": now}
        )
    return left


def _to_erase(orders: QuerySet[Order], now: datetime) -> QuerySet[Order]:
    return not_erased(no_longer_needed(orders, now=now))


def _unfinished(events: QuerySet[Event]) -> QuerySet[Event]:
    finished = ErasedEvent.objects.filter(event=OuterRef("pk"), ended_at=OuterRef("ends_at"))
    return events.filter(~Exists(finished))


def _count(erased: list[UUID], *, organizer_id: UUID, now: datetime) -> None:
    # In the transaction that erases, so that the number is right after a crash too.
    run, _ = ErasureRun.objects.get_or_create(
        organizer_id=organizer_id, finished_at=None, defaults={"started_at": now}
    )
    ErasureRun.objects.filter(pk=run.pk).update(orders=F("orders") + len(erased))


@transaction.atomic(durable=True)
def _finish_run(run: ErasureRun, now: datetime) -> None:
    open_run = ErasureRun.objects.select_for_update().filter(pk=run.pk, finished_at=None).first()
    if open_run is None:
        return
    ErasureRun.objects.filter(pk=run.pk).update(finished_at=now)
    record_act(
        act=ActType.BUYERS_ERASED,
        actor=system_actor(ActType.RETENTION_CHANGED.value, about=run.organizer_id),
        subject_id=run.organizer_id,
        organizer_id=run.organizer_id,
        at=now,
        details={"orders": open_run.orders},
    )
