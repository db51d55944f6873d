"""Ticket types as an organizer sends them: a list, or `capacity` and `price` for a single one."""

from typing import Any

from events.models import Event
from ticketing.errors import Conflict


class SeveralTicketTypes(Conflict):
    """`capacity` and `price` are those of an event's only ticket type."""

    code = "several_ticket_types"
    title = "The event has several ticket types"


def take_ticket_types(
    fields: dict[str, Any], event: Event | None = None
) -> list[dict[str, Any]] | None:
    """Take the ticket types out of what was sent, in the long form or the short one."""
    kinds: list[dict[str, Any]] | None = fields.pop("ticket_types", None)
    short: dict[str, Any] = {
        name: fields.pop(name) for name in ("capacity", "price") if name in fields
    }
    if not short:
        return kinds
    existing = list(event.ticket_types.all()) if event else []
    if len(existing) > 1:
        raise SeveralTicketTypes("Change them in `ticket_types`.")
    if existing:
        return [{"id": existing[0].pk, **short}]
    return [{"name": "Ingresso", **short}]
