"""Steps that every change of an event shares: lock it first, announce the change at the end."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from events.models import Event, EventStatus, TicketType
from events.stock.adjustments import announce_revision
from events.stock.board import renew_catalogue_version
from events.stock.holds import InventoryUnavailable
from events.stock.record import claim_event
from ticketing.errors import Conflict
from ticketing.field_changes import FieldChange
from ticketing.ids import new_id


class EventNotEditable(Conflict):
    """The event was cancelled: no field of it may change."""

    code = "event_not_editable"
    title = "A cancelled event cannot be changed"


def claim_to_change(event_id: UUID) -> Event:
    """
    Lock an event against sales and other changes until this transaction ends, and return it.

    After the commit the change is announced.
    """
    number = Event.objects.values_list("number", flat=True).get(pk=event_id)
    claim_event(number)
    # The row lock as well: a writer without the advisory lock, such as a query by hand, must wait.
    event = Event.objects.select_for_update(of=("self",), no_key=True).get(pk=event_id)
    announce_change(event_id=event_id)
    return event


def assign(row: Event | TicketType, changes: Mapping[str, Any]) -> list[FieldChange]:
    """Set fields of a model object, and return those whose values differ."""
    of = row.name if isinstance(row, TicketType) else ""
    changed = [
        FieldChange(name, getattr(row, name), value, of=of)
        for name, value in changes.items()
        if getattr(row, name) != value
    ]
    for name, value in changes.items():
        setattr(row, name, value)
    return changed


def announce_change(*, event_id: UUID) -> None:
    """After the commit of this transaction, make all processes refresh their cached copies."""
    transaction.on_commit(partial(_announce_revision, event_id))


def announce_change_of_catalogue() -> None:
    """After the commit of this transaction, make all processes read the catalogue's pages again."""
    transaction.on_commit(_renew_catalogue)


def _announce_revision(event_id: UUID) -> None:
    revision, status = Event.objects.values_list("revision", "status").get(pk=event_id)
    try:
        announce_revision(event_id=event_id, revision=revision)
        # The catalogue never lists drafts.
        if status != EventStatus.DRAFT:
            renew_catalogue_version(str(new_id()))
    except InventoryUnavailable:
        # Harmless: the event cache and the cached pages expire within seconds.
        return


def _renew_catalogue() -> None:
    try:
        renew_catalogue_version(str(new_id()))
    except InventoryUnavailable:
        # Harmless: the cached pages expire within seconds.
        return
