"""The verbs of ticket types: add, change, drop."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet

from events.changes import announce_change, assign, claim_to_change
from events.models import MOST_TICKET_TYPES, Event, EventStatus, Gate, Question, TicketType
from events.questions import retire_questions
from events.stock.adjustments import raise_capacity
from events.stock.holds import InventoryUnavailable
from events.stock.rebuild import try_to_rebuild_stock
from events.stock.record import claim_event, held_by_type
from ticketing.errors import Conflict, NotFound
from ticketing.field_changes import FieldChange


class CapacityBelowCommitted(Conflict):
    """The new capacity is below the number of tickets that are sold, being paid for, or held."""

    code = "capacity_below_committed"
    title = "More tickets are sold or held than the new capacity"

    def __init__(self, kind: TicketType, *, committed: int, capacity: int) -> None:
        super().__init__(
            f"{committed} tickets of {kind.name} are sold or held, more than {capacity}. Send a"
            f" capacity of {committed} or more."
        )
        self.committed = committed


class LastTicketType(Conflict):
    """The change would leave an event on sale without ticket types."""

    code = "last_ticket_type"
    title = "An event on sale needs a ticket type"


class OnlyTypeOfGate(Conflict):
    """The ticket type cannot be dropped, because a gate admits only this type."""

    code = "only_type_of_gate"
    title = "A gate admits only this ticket type"

    def __init__(self, kind: TicketType, *, gate: Gate) -> None:
        super().__init__(
            f"The gate {gate.name} admits only {kind.name}. Change or delete the gate first."
        )
        self.gate = gate


class TicketTypeInUse(Conflict):
    """The ticket type has orders, so it cannot be dropped."""

    code = "ticket_type_in_use"
    title = "This ticket type has orders"


class TooManyTicketTypes(Conflict):
    """The event has the maximum number of ticket types. Each request reads all of them."""

    code = "too_many_ticket_types"
    title = "The event has too many ticket types"


class UnknownTypeOfEvent(NotFound):
    """The request changes a ticket type that the event does not have."""

    code = "unknown_ticket_type_of_event"
    title = "The event has no such ticket type"


class TypeNameTaken(Conflict):
    """Two ticket types of an event would have the same name."""

    code = "ticket_type_name_taken"
    title = "The event has another ticket type of that name"


def change_ticket_types(
    event: Event,
    changes: Sequence[Mapping[str, Any]],
    *,
    dropped: Collection[UUID] = (),
    drop_others: bool = False,
    now: datetime,
) -> list[FieldChange]:
    """
    Add, change and drop ticket types of an event. Return what has changed.

    The caller's transaction must hold the event lock exclusively.

    :raises UnknownTypeOfEvent, CapacityBelowCommitted, TicketTypeInUse, OnlyTypeOfGate,
        TypeNameTaken, TooManyTicketTypes, LastTicketType: if a change is not allowed
    """
    kinds = list(event.ticket_types.all())
    staying = [kind for kind in kinds if kind.pk not in dropped]
    matched = _match(staying, changes)
    kept = {kind.pk for kind, _ in matched if kind is not None}
    to_drop = [
        kind for kind in kinds if kind.pk in dropped or (drop_others and kind.pk not in kept)
    ]
    try:
        # A savepoint, so that the caller's transaction survives an IntegrityError.
        with transaction.atomic():
            # Drop first: the new types may need the place under the limit, or a name.
            dropped_rows = [change for kind in to_drop for change in _drop_type(kind, now)]
            written = [_write_type(event, kind, fields) for kind, fields in matched]
    except IntegrityError as error:
        raise TypeNameTaken(
            "Two ticket types would have the same name. Give each its own name."
        ) from error
    if to_drop and event.status == EventStatus.PUBLISHED and not event.ticket_types.exists():
        raise LastTicketType(f"{event.name} is on sale. Add another ticket type first.")
    return [*dropped_rows, *(change for changes in written for change in changes)]


def refuse_low_capacity(kind: TicketType, capacity: int) -> None:
    """
    Check that a capacity is not below the number of tickets sold, being paid for, or held.

    The caller's transaction must hold the event lock exclusively, and must have read `kind` since
    it took the lock.

    :raises CapacityBelowCommitted: if the capacity is below that number
    """
    committed = kind.promised + held_by_type([kind.event_id]).get(kind.pk, 0)
    if capacity < committed:
        raise CapacityBelowCommitted(kind, committed=committed, capacity=capacity)


def refuse_to_drop(kind: TicketType) -> None:
    """
    Check that no order of any status has tickets of this type, also by an exchange, and that no
    gate admits only this type.

    :raises TicketTypeInUse: if an order has
    :raises OnlyTypeOfGate: if a gate admits only this type
    """
    if kind.order_items.exists() or kind.tickets.exists():
        raise TicketTypeInUse(f"{kind.name} has orders. Lower its capacity instead.")
    gates = Gate.objects.filter(ticket_types=kind).exclude(ticket_types__in=_others(kind))
    if gate := gates.order_by("name").first():
        raise OnlyTypeOfGate(kind, gate=gate)


def refuse_too_many_types(count: int) -> None:
    """
    Check that an event may have `count` ticket types.

    :raises TooManyTicketTypes: if it may not
    """
    if count > MOST_TICKET_TYPES:
        raise TooManyTicketTypes(f"An event has {MOST_TICKET_TYPES} ticket types at most.")


def add_ticket_type(*, kind: TicketType) -> None:
    """
    Add a ticket type to an existing event.

    :raises TooManyTicketTypes: if the event has the maximum number already
    """
    with transaction.atomic():
        claim_to_change(kind.event_id)
        refuse_too_many_types(TicketType.objects.filter(event_id=kind.event_id).count() + 1)
        kind.number = next_type_number(kind.event_id)
        kind.save()
        transaction.on_commit(partial(_raise_capacity, kind.event_id, kind.pk, kind.capacity, 0))


def change_capacity(*, ticket_type_id: UUID, capacity: int) -> None:
    """
    Change the capacity of a ticket type, also while it is on sale.

    :raises CapacityBelowCommitted: if more tickets are promised or held already
    """
    with transaction.atomic():
        kind = TicketType.objects.select_related("event").get(pk=ticket_type_id)
        claim_event(kind.event.number)
        kind.refresh_from_db(fields=["capacity", "capacity_version", "promised"])
        if capacity == kind.capacity:
            return
        refuse_low_capacity(kind, capacity)
        announce_change(event_id=kind.event_id)
        version = kind.capacity_version + 1
        TicketType.objects.filter(pk=kind.pk).update(capacity=capacity, capacity_version=version)
        if capacity > kind.capacity:
            raise_live = partial(_raise_capacity, kind.event_id, kind.pk, capacity, version)
            transaction.on_commit(raise_live)
        else:
            # A new epoch: holds taken under the larger capacity become invalid.
            Event.objects.filter(pk=kind.event_id).update(epoch=F("epoch") + 1)
            rebuild = partial(try_to_rebuild_stock, event_id=kind.event_id)
            transaction.on_commit(rebuild)


def _match(
    kinds: Sequence[TicketType], changes: Sequence[Mapping[str, Any]]
) -> list[tuple[TicketType | None, dict[str, Any]]]:
    """Return each change with the ticket type that it names, by id or name; None for a new type."""
    by_id = {kind.pk: kind for kind in kinds}
    by_name = {kind.name: kind for kind in kinds}
    matched = []
    for change in changes:
        fields = dict(change)
        kind_id = fields.pop("id", None)
        kind = by_id.get(kind_id) if kind_id else by_name.get(fields.get("name", ""))
        if kind_id and kind is None:
            raise UnknownTypeOfEvent(
                f"The event has no ticket type with the id {kind_id}. Read the event again."
            )
        matched.append((kind, fields))
    return matched


def _write_type(event: Event, kind: TicketType | None, fields: dict[str, Any]) -> list[FieldChange]:
    if kind is not None:
        return _change_type(kind, fields)
    added = TicketType(event=event, **fields)
    add_ticket_type(kind=added)
    return [FieldChange("ticket_type", None, added.name)]


def _change_type(kind: TicketType, fields: dict[str, Any]) -> list[FieldChange]:
    capacity = fields.pop("capacity", kind.capacity)
    changed = assign(kind, fields)
    if fields:
        kind.save(update_fields=list(fields))
    if capacity != kind.capacity:
        changed.append(FieldChange("capacity", kind.capacity, capacity, of=kind.name))
        change_capacity(ticket_type_id=kind.pk, capacity=capacity)
    return changed


def _drop_type(kind: TicketType, now: datetime) -> list[FieldChange]:
    """Delete a ticket type, and the questions that are for it alone. Return what was deleted."""
    refuse_to_drop(kind)
    only_for = Question.objects.filter(ticket_types=kind).exclude(ticket_types__in=_others(kind))
    # Without their type they would be for no type, which means all of them.
    retired = retire_questions(only_for, now=now)
    # A new epoch: an order whose hold has this type, and is not written yet, will be refused.
    Event.objects.filter(pk=kind.event_id).update(epoch=F("epoch") + 1)
    transaction.on_commit(partial(try_to_rebuild_stock, event_id=kind.event_id))
    kind.delete()
    return [
        FieldChange("ticket_type", kind.name, None),
        *(FieldChange("question", question.label, None) for question in retired),
    ]


def _others(kind: TicketType) -> QuerySet[TicketType]:
    return TicketType.objects.filter(event_id=kind.event_id).exclude(pk=kind.pk)


def next_type_number(event_id: UUID) -> int:
    """
    Return the number of an event's next ticket type.

    The caller's transaction must hold the event lock exclusively.
    """
    highest = TicketType.objects.filter(event_id=event_id).aggregate(highest=Max("number"))
    return (highest["highest"] or 0) + 1


def _raise_capacity(event_id: UUID, ticket_type_id: UUID, capacity: int, version: int) -> None:
    try:
        raise_capacity(
            event_id=event_id,
            ticket_type_id=ticket_type_id,
            capacity=capacity,
            version=version,
        )
    except InventoryUnavailable:
        # Harmless: until the next rebuild Redis admits too few reservations, and never too many.
        return
