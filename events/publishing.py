"""Put an event on sale, take it off sale, and say what it still lacks."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import F

from events.changes import announce_change_of_catalogue, claim_to_change
from events.models import Event, EventStatus, TicketType
from events.stock.rebuild import try_to_rebuild_stock
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType

# `events` may not import `orders`: a test compares these words with `orders.models.OrderStatus`.
# A buyer with such an order has tickets, or is about to get them.
_BINDING = ["reserved", "processing", "paid"]


class EventIsOver(Conflict):
    """The event has ended, so it cannot be published."""

    code = "event_is_over"
    title = "The event is over"


class EventNotPublishable(Conflict):
    """The event has no ticket types, or was cancelled."""

    code = "event_not_publishable"
    title = "This event cannot be published"


class IllegalStatus(Conflict):
    """A published event that has buyers cannot become a draft again."""

    code = "illegal_status"
    title = "The event cannot change to that status"


class Need(StrEnum):
    """What an event should have before it is published. The last ones are only advice."""

    TICKET_TYPES = "ticket_types"
    ENDS_LATER = "ends_later"
    SALE_ENDS_LATER = "sale_ends_later"
    DESCRIPTION = "description"
    ADDRESS = "address"
    PICTURE = "picture"
    DOOR_HOURS = "door_hours"


# `publish_event` refuses an event without these.
_REQUIRED = frozenset({Need.TICKET_TYPES, Need.ENDS_LATER})


@dataclass(frozen=True, slots=True)
class CheckedNeed:
    need: Need
    is_met: bool
    is_required: bool


def check_needs(event: Event, kinds: Collection[TicketType], *, now: datetime) -> list[CheckedNeed]:
    """Return all needs in a fixed order, the required ones first, and whether each is met."""
    ends = [kind.sales_end_at or event.sales_end_at for kind in kinds]
    met = {
        Need.TICKET_TYPES: bool(kinds),
        Need.ENDS_LATER: event.ends_at > now,
        Need.SALE_ENDS_LATER: not ends or any(end is None or end > now for end in ends),
        Need.DESCRIPTION: bool(event.description.strip()),
        Need.ADDRESS: bool(event.address),
        Need.PICTURE: bool(event.image_url),
        Need.DOOR_HOURS: event.checkin_starts_at is not None,
    }
    return [CheckedNeed(need, is_met, need in _REQUIRED) for need, is_met in met.items()]


def publish_event(*, event_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Put an event on sale. A repeated call changes nothing.

    :raises EventIsOver: if the event has ended
    :raises EventNotPublishable: if the event was cancelled or has no ticket types
    """
    with transaction.atomic():
        event = claim_to_change(event_id)
        if event.status == EventStatus.CANCELLED:
            raise EventNotPublishable(f"{event.name} was cancelled. Create a new event instead.")
        if not event.ticket_types.exists():
            raise EventNotPublishable(f"{event.name} has no ticket types. Add one first.")
        if event.status != EventStatus.PUBLISHED:
            if event.ends_at <= now:
                raise EventIsOver(
                    f"{event.name} ended at {event.ends_at.isoformat()}. Correct `starts_at` and"
                    " `ends_at` first."
                )
            Event.objects.filter(pk=event_id).update(status=EventStatus.PUBLISHED)
            _record(ActType.EVENT_PUBLISHED, event, actor, now)
        transaction.on_commit(partial(try_to_rebuild_stock, event_id=event_id))


def unpublish_event(*, event_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Make a published event a draft again: it leaves the catalogue. A repeated call changes nothing.

    No order may be reserved, being paid for, or paid: its buyer would have tickets for an event
    that nobody can find. Other orders, such as expired or refunded ones, are no obstacle.

    :raises IllegalStatus: if the event has such an order, or was cancelled
    """
    with transaction.atomic():
        event = claim_to_change(event_id)
        if event.status == EventStatus.CANCELLED:
            raise IllegalStatus(f"{event.name} was cancelled. Create a new event instead.")
        if event.status == EventStatus.DRAFT:
            return
        # The event lock is held exclusively, so no order can be written between check and change.
        if has_buyers(event):
            raise IllegalStatus(
                f"{event.name} has orders that are reserved or paid, so it cannot become a draft."
                " Cancel it, or leave it published."
            )
        # A new epoch: no order can be written with a hold that was taken before.
        Event.objects.filter(pk=event_id).update(status=EventStatus.DRAFT, epoch=F("epoch") + 1)
        _record(ActType.EVENT_UNPUBLISHED, event, actor, now)
        announce_change_of_catalogue()


def has_buyers(event: Event) -> bool:
    """Return whether an order of the event is reserved, being paid for, or paid."""
    return event.orders.filter(status__in=_BINDING).exists()


def _record(act: ActType, event: Event, actor: Actor, now: datetime) -> None:
    record_act(act=act, actor=actor, subject_id=event.pk, organizer_id=event.organizer_id, at=now)
