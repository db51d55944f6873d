"""What every change of an event begins with and ends in."""

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
from ticketing.ids import new_id


class EventNotEditable(Conflict):
    """A cancelled event stays as it was."""

    code = "event_not_editable"
    title = "A cancelled event does not change"


def claim_to_change(event_id: UUID) -> Event:
    """Return an event that nobody else sells from or changes until this transaction ends."""
    number = Event.objects.values_list("number", flat=True).get(pk=event_id)
    claim_event(number)
    # A form of the admin writes the row without the claim: it waits for us, or we for it.
    event = Event.objects.select_for_update(of=("self",), no_key=True).get(pk=event_id)
    announce_change(event_id=event_id)
    return event


def assign(row: Event | TicketType, changes: Mapping[str, Any]) -> list[str]:
    """Set fields of a row, and return the names of those whose values differ."""
    changed = [name for name, value in changes.items() if getattr(row, name) != value]
    for name, value in changes.items():
        setattr(row, name, value)
    return changed


def announce_change(*, event_id: UUID) -> None:
    """Once this transaction is committed, let all who remember the event know that it changed."""
    transaction.on_commit(partial(_announce_revision, event_id))


def _announce_revision(event_id: UUID) -> None:
    revision, status = Event.objects.values_list("revision", "status").get(pk=event_id)
    try:
        announce_revision(event_id=event_id, revision=revision)
        # The catalogue shows no draft, before or after.
        if status != EventStatus.DRAFT:
            renew_catalogue_version(str(new_id()))
    except InventoryUnavailable:
        # What is remembered of the event is forgotten within seconds anyway.
        return
