"""What an organizer sent of an event, as the verbs take it."""

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


def event_defaults() -> dict[str, Any]:
    """Return the members that a replaced event gets where none were sent."""
    optional = [
        "description",
        "address",
        "timezone",
        "sales_start_at",
        "sales_end_at",
        "checkin_starts_at",
        "checkin_ends_at",
        "max_per_order",
        "max_per_customer",
        "max_per_address",
        "requires_proof_of_work",
        "image_url",
        "currency",
        "external_id",
        "metadata",
    ]
    fresh = Event()
    return {name: getattr(fresh, name) for name in optional}
