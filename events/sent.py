"""From the validated body of a request to the arguments of the verbs of events."""

from typing import Any

from events.models import Event
from ticketing.errors import Conflict


class SeveralTicketTypes(Conflict):
    """The event has several ticket types, so `capacity` and `price` alone are ambiguous."""

    code = "several_ticket_types"
    title = "The event has several ticket types"


def take_ticket_types(
    fields: dict[str, Any], event: Event | None = None
) -> list[dict[str, Any]] | None:
    """
    Remove the ticket types from the fields of an event, and return them.

    They are in `ticket_types`, or `capacity` and `price` describe the event's only type. Return
    None if the request has neither.

    :raises SeveralTicketTypes: if `capacity` or `price` is sent for an event with several types
    """
    kinds: list[dict[str, Any]] | None = fields.pop("ticket_types", None)
    shorthand: dict[str, Any] = {
        name: fields.pop(name) for name in ("capacity", "price") if name in fields
    }
    if not shorthand:
        return kinds
    existing = list(event.ticket_types.all()) if event else []
    if len(existing) > 1:
        raise SeveralTicketTypes(
            "`capacity` and `price` need an event with one ticket type. Send `ticket_types`."
        )
    if existing:
        return [{"id": existing[0].pk, **shorthand}]
    return [{"name": "Ingresso", **shorthand}]


def event_defaults() -> dict[str, Any]:
    """Return the default values of members that a PUT request may leave out."""
    optional = [
        "description",
        "address",
        "timezone",
        "sales_start_at",
        "sales_end_at",
        "checkin_starts_at",
        "checkin_ends_at",
        "reentry",
        "confirm_first",
        "max_per_order",
        "max_per_customer",
        "max_per_address",
        "requires_proof_of_work",
        "image_url",
        "currency",
        "external_id",
        "metadata",
    ]
    default = Event()
    return {name: getattr(default, name) for name in optional}
