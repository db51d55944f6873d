"""What an organizer does with an event: create, change, publish, cancel."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.utils.text import slugify

from events.holds import InventoryUnavailable, announce_revision, raise_capacity
from events.inventory import claim_event, held_by_type
from events.models import Event, EventStatus, TicketType
from events.recovery import try_to_rebuild_stock
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict, NotFound
from ticketing.ids import new_code
from ticketing.messages import Message, send_after_commit
from ticketing.models import ActType

_SLUG_LENGTH = 60


class CapacityBelowCommitted(Conflict):
    """Fewer places than are sold, being paid for, or held."""

    code = "capacity_below_committed"
    title = "That many tickets are sold or held already"


class EventNotPublishable(Conflict):
    """Nothing to sell, over, or cancelled."""

    code = "event_not_publishable"
    title = "This event cannot be published"


class EventNotEditable(Conflict):
    """A cancelled event stays as it was."""

    code = "event_not_editable"
    title = "A cancelled event does not change"


class IllegalStatus(Conflict):
    """A published event does not become a draft again."""

    code = "illegal_status"
    title = "The event cannot take that status"


class SlugTaken(Conflict):
    """Another event has that address."""

    code = "slug_taken"
    title = "Another event has that slug"


class TicketTypeInUse(Conflict):
    """Somebody holds or owns tickets of it."""

    code = "ticket_type_in_use"
    title = "This ticket type has orders"


class UnknownTypeOfEvent(NotFound):
    """The event has no such ticket type to change."""

    code = "unknown_ticket_type_of_event"
    title = "The event has no such ticket type"


class TypeNameTaken(Conflict):
    """Buyers could not tell the two apart."""

    code = "ticket_type_name_taken"
    title = "The event has a ticket type of that name"


class CurrencyInUse(Conflict):
    """Its price was agreed with buyers in the old one."""

    code = "currency_in_use"
    title = "The currency cannot change once there are orders"


def create_event(
    *, event: Event, ticket_types: Sequence[TicketType], actor: Actor, now: datetime
) -> Event:
    """
    Write a new event, a draft or published at once, with its ticket types in their order.

    :raises SlugTaken: if it asks for an address that another has
    :raises EventNotPublishable: if it is to be published and cannot be
    """
    status, event.status = event.status, EventStatus.DRAFT
    with transaction.atomic():
        _insert(event)
        for number, kind in enumerate(ticket_types, start=1):
            kind.event, kind.number = event, number
        TicketType.objects.bulk_create(ticket_types)
        _record(ActType.EVENT_CREATED, event, actor, now)
        if status == EventStatus.PUBLISHED:
            publish_event(event_id=event.pk, actor=actor, now=now)
    event.refresh_from_db()
    return event


def change_event(  # noqa: PLR0913 - one change, said in full
    *,
    event_id: UUID,
    fields: Mapping[str, Any],
    ticket_types: Sequence[Mapping[str, Any]] | None,
    drop_others: bool,
    actor: Actor,
    now: datetime,
) -> Event:
    """
    Change an event, its ticket types and its status, all of it or nothing.

    A ticket type is known by its `id`, else by its name; an unknown name is a new type. Types not
    mentioned stay, or go with `drop_others`.

    :raises EventNotEditable, IllegalStatus, SlugTaken, CurrencyInUse, TicketTypeInUse,
        UnknownTypeOfEvent, CapacityBelowCommitted, EventNotPublishable: by what it asks for
    """
    changes = dict(fields)
    with transaction.atomic():
        event = _claim(event_id)
        status = changes.pop("status", event.status)
        if event.status == EventStatus.CANCELLED:
            raise EventNotEditable(f"{event.name} was cancelled.")
        changed = _change_fields(event, changes)
        if ticket_types is not None:
            try:
                with transaction.atomic():
                    if _change_types(event, ticket_types, drop_others=drop_others):
                        changed.append("ticket_types")
            except IntegrityError as error:
                raise TypeNameTaken("Two ticket types would have one name.") from error
        if changed:
            _record(ActType.EVENT_CHANGED, event, actor, now, {"fields": sorted(changed)})
        if status != event.status:
            _change_status(event, status, actor, now)
    event.refresh_from_db()
    return event


def publish_event(*, event_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Put an event on sale. Publishing twice is publishing once.

    :raises EventNotPublishable: if it was cancelled or has no ticket types
    """
    with transaction.atomic():
        event = _claim(event_id)
        if event.status == EventStatus.CANCELLED:
            raise EventNotPublishable(f"{event.name} was cancelled.")
        if not event.ticket_types.exists():
            raise EventNotPublishable(f"{event.name} has no ticket types.")
        if event.status != EventStatus.PUBLISHED:
            Event.objects.filter(pk=event_id).update(status=EventStatus.PUBLISHED)
            _record(ActType.EVENT_PUBLISHED, event, actor, now)
        transaction.on_commit(partial(try_to_rebuild_stock, event_id=event_id))


def cancel_event(*, event_id: UUID, actor: Actor, now: datetime) -> None:
    """
    Call an event off for good. Cancelling twice is cancelling once.

    From the commit on nobody reserves or pays. What is open is wound up by the worker:
    reservations end, buyers are refunded, tickets revoked.
    """
    with transaction.atomic():
        event = _claim(event_id)
        cancelled = (
            Event.objects.filter(pk=event_id)
            .exclude(status=EventStatus.CANCELLED)
            .update(status=EventStatus.CANCELLED, cancelled_at=now, epoch=F("epoch") + 1)
        )
        if cancelled:
            _record(ActType.EVENT_CANCELLED, event, actor, now)
            send_after_commit(Message.WIND_UP_EVENT, event_id=event_id)


def change_capacity(*, ticket_type_id: UUID, capacity: int) -> None:
    """
    Sell more tickets of a type, or fewer, while it sells.

    :raises CapacityBelowCommitted: if that many are promised or held already
    """
    with transaction.atomic():
        kind = TicketType.objects.select_related("event").get(pk=ticket_type_id)
        claim_event(kind.event.number)
        kind.refresh_from_db(fields=["capacity", "capacity_version", "promised"])
        if capacity == kind.capacity:
            return
        committed = kind.promised + held_by_type([kind.event_id]).get(kind.pk, 0)
        if capacity < committed:
            raise CapacityBelowCommitted(
                f"{committed} of {kind.name} are sold or held; {capacity} is fewer."
            )
        tell_of_change(event_id=kind.event_id)
        version = kind.capacity_version + 1
        TicketType.objects.filter(pk=kind.pk).update(capacity=capacity, capacity_version=version)
        if capacity > kind.capacity:
            announce = partial(_announce, kind.event_id, kind.pk, capacity, version)
            transaction.on_commit(announce)
        else:
            # What was taken under the larger capacity does not count any more.
            Event.objects.filter(pk=kind.event_id).update(epoch=F("epoch") + 1)
            rebuild = partial(try_to_rebuild_stock, event_id=kind.event_id)
            transaction.on_commit(rebuild)


def tell_of_change(*, event_id: UUID) -> None:
    """Once this transaction is committed, let all who remember the event know that it changed."""
    transaction.on_commit(partial(_announce_revision, event_id))


def next_type_number(event_id: UUID) -> int:
    """Return the number of an event's next ticket type. The transaction must have claimed it."""
    highest = TicketType.objects.filter(event_id=event_id).aggregate(highest=Max("number"))
    return (highest["highest"] or 0) + 1


def add_ticket_type(*, kind: TicketType) -> None:
    """Put another type of ticket on sale at an event that exists."""
    with transaction.atomic():
        _claim(kind.event_id)
        kind.number = next_type_number(kind.event_id)
        kind.save(force_insert=True)
        transaction.on_commit(partial(_announce, kind.event_id, kind.pk, kind.capacity, 0))


def free_slug(name: str) -> str:
    """Return an address made of an event's name that no other has."""
    base = slugify(name)[:_SLUG_LENGTH].strip("-") or "event"
    if not Event.objects.filter(slug=base).exists():
        return base
    return f"{base}-{new_code(5).lower()}"


def _insert(event: Event) -> None:
    chosen, event.slug = event.slug, event.slug or free_slug(event.name)
    try:
        with transaction.atomic():
            event.save(force_insert=True)
    except IntegrityError as error:
        if chosen:
            raise SlugTaken(f"{chosen} belongs to another event.") from error
        # Somebody took the free one between our look and our write.
        event.slug = f"{event.slug}-{new_code(5).lower()}"
        event.save(force_insert=True)


def _claim(event_id: UUID) -> Event:
    event = Event.objects.get(pk=event_id)
    claim_event(event.number)
    event.refresh_from_db()
    tell_of_change(event_id=event_id)
    return event


def _record(
    act: ActType,
    event: Event,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=event.pk,
        organizer_id=event.organizer_id,
        at=now,
        details=details,
    )


def _announce_revision(event_id: UUID) -> None:
    revision = Event.objects.values_list("revision", flat=True).get(pk=event_id)
    try:
        announce_revision(event_id=event_id, revision=revision)
    except InventoryUnavailable:
        # What is remembered of the event is forgotten within seconds anyway.
        return


def _announce(event_id: UUID, ticket_type_id: UUID, capacity: int, version: int) -> None:
    try:
        raise_capacity(
            event_id=event_id,
            ticket_type_id=ticket_type_id,
            capacity=capacity,
            version=version,
        )
    except InventoryUnavailable:
        # Redis sells by the smaller number until it is read again: late, never wrong.
        return


def _change_fields(event: Event, changes: Mapping[str, Any]) -> list[str]:
    """Write what changes, and return the names of the fields whose values differ."""
    slug = changes.get("slug", event.slug)
    if slug != event.slug and Event.objects.filter(slug=slug).exists():
        raise SlugTaken(f"{slug} belongs to another event.")
    currency = changes.get("currency", event.currency)
    if currency != event.currency and event.orders.exists():
        raise CurrencyInUse(f"Orders were made in {event.currency}.")
    changed = _assign(event, changes)
    if changes:
        event.save(update_fields=list(changes))
    return changed


def _assign(row: Event | TicketType, changes: Mapping[str, Any]) -> list[str]:
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    for name, value in changes.items():
        setattr(row, name, value)
    return changed


def _change_types(event: Event, wanted: Sequence[Mapping[str, Any]], *, drop_others: bool) -> bool:
    """Write the ticket types, and return whether any is new, gone or different."""
    by_id = {kind.pk: kind for kind in event.ticket_types.all()}
    by_name = {kind.name: kind for kind in by_id.values()}
    kept = set()
    changed = False
    for wish in wanted:
        fields = dict(wish)
        known = fields.pop("id", None)
        kind = by_id.get(known) if known else by_name.get(fields.get("name", ""))
        if known and kind is None:
            raise UnknownTypeOfEvent(f"{known} is no ticket type of this event.")
        if kind is None:
            kind = TicketType(event=event, **fields)
            add_ticket_type(kind=kind)
            changed = True
        else:
            changed = _change_type(kind, fields) or changed
        kept.add(kind.pk)
    if drop_others:
        for kind in by_id.values():
            if kind.pk not in kept:
                _drop_type(kind)
                changed = True
    return changed


def _change_type(kind: TicketType, fields: dict[str, Any]) -> bool:
    capacity = fields.pop("capacity", kind.capacity)
    changed = bool(_assign(kind, fields)) or capacity != kind.capacity
    if fields:
        kind.save(update_fields=list(fields))
    if capacity != kind.capacity:
        change_capacity(ticket_type_id=kind.pk, capacity=capacity)
    return changed


def _drop_type(kind: TicketType) -> None:
    if kind.order_items.exists():
        raise TicketTypeInUse(f"{kind.name} has orders; lower its capacity instead.")
    # Under the epoch's fence: a hold of it that is not written yet will be refused.
    Event.objects.filter(pk=kind.event_id).update(epoch=F("epoch") + 1)
    transaction.on_commit(partial(try_to_rebuild_stock, event_id=kind.event_id))
    kind.delete()


def _change_status(event: Event, status: str, actor: Actor, now: datetime) -> None:
    if status == EventStatus.PUBLISHED:
        publish_event(event_id=event.pk, actor=actor, now=now)
    elif status == EventStatus.CANCELLED:
        cancel_event(event_id=event.pk, actor=actor, now=now)
    else:
        raise IllegalStatus(f"An event that is {event.status} does not become {status}.")
