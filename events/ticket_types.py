"""What an organizer does with the ticket types of an event: add, change, drop."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Max

from events.changes import announce_change, assign, claim_to_change
from events.models import MOST_TICKET_TYPES, Event, EventStatus, TicketType
from events.stock.adjustments import raise_capacity
from events.stock.holds import InventoryUnavailable
from events.stock.rebuild import try_to_rebuild_stock
from events.stock.record import claim_event, held_by_type
from ticketing.errors import Conflict, NotFound


class CapacityBelowCommitted(Conflict):
    """Fewer places than are sold, being paid for, or held."""

    code = "capacity_below_committed"
    title = "That many tickets are sold or held already"

    def __init__(self, kind: TicketType, *, committed: int, capacity: int) -> None:
        super().__init__(f"{committed} of {kind.name} are sold or held; {capacity} is fewer.")
        self.committed = committed


class LastTicketType(Conflict):
    """An event on sale always has something to sell."""

    code = "last_ticket_type"
    title = "An event on sale needs a ticket type"


class TicketTypeInUse(Conflict):
    """Somebody holds or owns tickets of it."""

    code = "ticket_type_in_use"
    title = "This ticket type has orders"


class TooManyTicketTypes(Conflict):
    """Every reader of an event reads all of its types."""

    code = "too_many_ticket_types"
    title = "The event has as many ticket types as an event may have"


class UnknownTypeOfEvent(NotFound):
    """The event has no such ticket type to change."""

    code = "unknown_ticket_type_of_event"
    title = "The event has no such ticket type"


class TypeNameTaken(Conflict):
    """Buyers could not tell the two apart."""

    code = "ticket_type_name_taken"
    title = "The event has a ticket type of that name"


def change_ticket_types(
    event: Event,
    wanted: Sequence[Mapping[str, Any]],
    *,
    dropped: Collection[UUID] = (),
    drop_others: bool = False,
) -> bool:
    """
    Write an event's ticket types. Return whether any is new, gone or different.

    The transaction must have claimed the event.

    :raises UnknownTypeOfEvent, CapacityBelowCommitted, TicketTypeInUse, TypeNameTaken,
        TooManyTicketTypes, LastTicketType: by what is wanted
    """
    kinds = list(event.ticket_types.all())
    staying = [kind for kind in kinds if kind.pk not in dropped]
    wishes = _match(staying, wanted)
    kept = {kind.pk for kind, _ in wishes if kind is not None}
    gone = [kind for kind in kinds if kind.pk in dropped or (drop_others and kind.pk not in kept)]
    try:
        # Its own part of the transaction: two types of one name are the caller's mistake.
        with transaction.atomic():
            # First, so that new types find room.
            for kind in gone:
                _drop_type(kind)
            changed = [_write_type(event, kind, fields) for kind, fields in wishes]
    except IntegrityError as error:
        raise TypeNameTaken("Two ticket types would have one name.") from error
    if gone and event.status == EventStatus.PUBLISHED and not event.ticket_types.exists():
        raise LastTicketType(f"{event.name} is on sale. Add another ticket type first.")
    return any(changed) or bool(gone)


def refuse_low_capacity(kind: TicketType, capacity: int) -> None:
    """
    Check that a capacity has room for all that is sold, being paid for, or held.

    The transaction must have claimed the event, and `kind` must have been read since.

    :raises CapacityBelowCommitted: if it has not
    """
    committed = kind.promised + held_by_type([kind.event_id]).get(kind.pk, 0)
    if capacity < committed:
        raise CapacityBelowCommitted(kind, committed=committed, capacity=capacity)


def refuse_to_drop(kind: TicketType) -> None:
    """
    Check that no order, of whatever status, names a ticket type.

    :raises TicketTypeInUse: if one does
    """
    if kind.order_items.exists():
        raise TicketTypeInUse(f"{kind.name} has orders; lower its capacity instead.")


def refuse_too_many_types(count: int) -> None:
    """
    Check that an event may have so many ticket types.

    :raises TooManyTicketTypes: if it may not
    """
    if count > MOST_TICKET_TYPES:
        raise TooManyTicketTypes(f"An event has {MOST_TICKET_TYPES} ticket types at most.")


def add_ticket_type(*, kind: TicketType) -> None:
    """
    Put another type of ticket on sale at an event that exists.

    :raises TooManyTicketTypes: if the event has as many as it may have
    """
    with transaction.atomic():
        claim_to_change(kind.event_id)
        refuse_too_many_types(TicketType.objects.filter(event_id=kind.event_id).count() + 1)
        kind.number = next_type_number(kind.event_id)
        kind.save(force_insert=True)
        transaction.on_commit(partial(_announce, kind.event_id, kind.pk, kind.capacity, 0))


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
        refuse_low_capacity(kind, capacity)
        announce_change(event_id=kind.event_id)
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


def _match(
    kinds: Sequence[TicketType], wanted: Sequence[Mapping[str, Any]]
) -> list[tuple[TicketType | None, dict[str, Any]]]:
    """Return each wish with the type that it means, by id or by name. A new type is None."""
    by_id = {kind.pk: kind for kind in kinds}
    by_name = {kind.name: kind for kind in kinds}
    matched = []
    for wish in wanted:
        fields = dict(wish)
        known = fields.pop("id", None)
        kind = by_id.get(known) if known else by_name.get(fields.get("name", ""))
        if known and kind is None:
            raise UnknownTypeOfEvent(f"{known} is no ticket type of this event.")
        matched.append((kind, fields))
    return matched


def _write_type(event: Event, kind: TicketType | None, fields: dict[str, Any]) -> bool:
    if kind is not None:
        return _change_type(kind, fields)
    add_ticket_type(kind=TicketType(event=event, **fields))
    return True


def _change_type(kind: TicketType, fields: dict[str, Any]) -> bool:
    capacity = fields.pop("capacity", kind.capacity)
    changed = bool(assign(kind, fields)) or capacity != kind.capacity
    if fields:
        kind.save(update_fields=list(fields))
    if capacity != kind.capacity:
        change_capacity(ticket_type_id=kind.pk, capacity=capacity)
    return changed


def _drop_type(kind: TicketType) -> None:
    refuse_to_drop(kind)
    # Under the epoch's fence: a hold of it that is not written yet will be refused.
    Event.objects.filter(pk=kind.event_id).update(epoch=F("epoch") + 1)
    transaction.on_commit(partial(try_to_rebuild_stock, event_id=kind.event_id))
    kind.delete()


def next_type_number(event_id: UUID) -> int:
    """Return the number of an event's next ticket type. The transaction must have claimed it."""
    highest = TicketType.objects.filter(event_id=event_id).aggregate(highest=Max("number"))
    return (highest["highest"] or 0) + 1


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
