"""The verbs of events: create, change, cancel."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.text import slugify

from events.changes import EventNotEditable, assign, claim_to_change
from events.changes_for_buyers import record_change_for_buyers, told_values
from events.models import Event, EventStatus, TicketType
from events.publishing import publish_event, unpublish_event
from events.ticket_types import change_ticket_types, refuse_too_many_types
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.field_changes import FieldChange, details_of
from ticketing.ids import new_code
from ticketing.models import ActType
from ticketing.queue.messages import Message, send_after_commit

_SLUG_LENGTH = 60


class SlugTaken(Conflict):
    """Another event has that slug."""

    code = "slug_taken"
    title = "Another event has that slug"


class CurrencyInUse(Conflict):
    """The event has orders, whose buyers agreed to a price in the old currency."""

    code = "currency_in_use"
    title = "The currency cannot change once there are orders"


def create_event(
    *,
    event: Event,
    ticket_types: Sequence[TicketType],
    actor: Actor,
    now: datetime,
    store_response: Callable[[Event], None] = lambda _event: None,
) -> Event:
    """
    Write a new event with its ticket types, numbered in their order. Publish it if its status says.

    `store_response` is called in the same transaction.

    :raises SlugTaken: if the event has a slug that belongs to another event
    :raises TooManyTicketTypes: if there are more ticket types than an event may have
    :raises EventIsOver, EventNotPublishable: if the status is `published` and it cannot be
    """
    refuse_too_many_types(len(ticket_types))
    status, event.status = event.status, EventStatus.DRAFT
    with transaction.atomic():
        _insert(event)
        for number, kind in enumerate(ticket_types, start=1):
            kind.event, kind.number = event, number
        TicketType.objects.bulk_create(ticket_types)
        _record(ActType.EVENT_CREATED, event, actor, now)
        if status == EventStatus.PUBLISHED:
            publish_event(event_id=event.pk, actor=actor, now=now)
        store_response(event)
    event.refresh_from_db()
    return event


def change_event(  # noqa: PLR0913 - one change has this many parts
    *,
    event_id: UUID,
    fields: Mapping[str, Any],
    ticket_types: Sequence[Mapping[str, Any]] | None,
    drop_others: bool = False,
    dropped: Collection[UUID] = (),
    notify_buyers: bool = True,
    actor: Actor,
    now: datetime,
    check: Callable[[Event], None] = lambda _event: None,
) -> Event:
    """
    Change an event, its ticket types and its status, in one transaction.

    `check` is called with the locked event before anything is written, and may raise a refusal.

    A ticket type is found by its `id`, else by its name. One that is not found by name is added.
    Ticket types that are not mentioned stay, or are dropped with `drop_others`. Those in `dropped`
    are dropped first, so that another type can take their name.

    With `notify_buyers`, each buyer of a published event gets a mail if its date or place changes.

    :raises EventNotEditable, IllegalStatus, SlugTaken, CurrencyInUse, TicketTypeInUse,
        OnlyTypeOfGate, TypeNameTaken, TooManyTicketTypes, LastTicketType, UnknownTypeOfEvent,
        CapacityBelowCommitted, EventIsOver, EventNotPublishable: if a change is not allowed
    """
    changes = dict(fields)
    with transaction.atomic():
        event = claim_to_change(event_id)
        check(event)
        status = changes.pop("status", event.status)
        note = changes.pop("cancellation_note", "")
        if event.status == EventStatus.CANCELLED:
            raise EventNotEditable(f"{event.name} was cancelled. Create a new event instead.")
        told = told_values(event)
        changed = _change_fields(event, changes)
        if notify_buyers:
            record_change_for_buyers(event=event, before=told, now=now)
        if ticket_types is not None:
            changed += change_ticket_types(
                event, ticket_types, dropped=dropped, drop_others=drop_others, now=now
            )
        if changed:
            _record(ActType.EVENT_CHANGED, event, actor, now, details_of(changed))
        if status != event.status:
            _change_status(event, status, note, actor, now)
    event.refresh_from_db()
    return event


def cancel_event(*, event_id: UUID, note: str = "", actor: Actor, now: datetime) -> None:
    """
    Cancel an event for good. A repeated call changes nothing.

    `note` is a sentence of the organizer for the mails to the buyers, of 500 characters at most.
    After the commit, no buyer can reserve or pay. A worker then ends the open reservations,
    revokes the tickets and refunds the buyers.
    """
    with transaction.atomic():
        event = claim_to_change(event_id)
        cancelled = (
            Event.objects.filter(pk=event_id)
            .exclude(status=EventStatus.CANCELLED)
            .update(
                status=EventStatus.CANCELLED,
                cancelled_at=now,
                cancellation_note=note,
                epoch=F("epoch") + 1,
            )
        )
        if cancelled:
            _record(ActType.EVENT_CANCELLED, event, actor, now)
            send_after_commit(Message.FINISH_EVENT_CANCELLATION, event_id=event_id)


def note_cancellation_finished(*, event_id: UUID, now: datetime) -> None:
    """Note that a cancelled event has no open orders left, so that the sweep skips it."""
    Event.objects.filter(pk=event_id, status=EventStatus.CANCELLED, wound_up_at=None).update(
        wound_up_at=now
    )


def free_slug(name: str) -> str:
    """Return a slug made from an event's name that no other event has."""
    base = slugify(name)[:_SLUG_LENGTH].strip("-") or "event"
    if not Event.objects.filter(slug=base).exists():
        return base
    return f"{base}-{new_code(5).lower()}"


def _insert(event: Event) -> None:
    chosen, event.slug = event.slug, event.slug or free_slug(event.name)
    try:
        with transaction.atomic():
            event.save()
    except IntegrityError as error:
        if chosen:
            raise SlugTaken(f"{chosen} belongs to another event. Choose another slug.") from error
        # Another event took the free slug after `free_slug` had looked for it.
        event.slug = f"{event.slug}-{new_code(5).lower()}"
        event.save()


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


def _change_fields(event: Event, changes: Mapping[str, Any]) -> list[FieldChange]:
    """Write the fields of an event, and return those whose values differ."""
    slug = changes.get("slug", event.slug)
    if slug != event.slug and Event.objects.filter(slug=slug).exists():
        raise SlugTaken(f"{slug} belongs to another event. Choose another slug.")
    currency = changes.get("currency", event.currency)
    if currency != event.currency and event.orders.exists():
        raise CurrencyInUse(
            f"The event has orders in {event.currency}. Leave the currency as it is."
        )
    changed = assign(event, changes)
    if changes:
        event.save(update_fields=list(changes))
    return changed


def _change_status(event: Event, status: str, note: str, actor: Actor, now: datetime) -> None:
    if status == EventStatus.PUBLISHED:
        publish_event(event_id=event.pk, actor=actor, now=now)
    elif status == EventStatus.CANCELLED:
        cancel_event(event_id=event.pk, note=note, actor=actor, now=now)
    else:
        unpublish_event(event_id=event.pk, actor=actor, now=now)
