"""Serializers of responses: events and their ticket types as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from events.models import (
    Event,
    TicketType,
)

# In the serializer's context: whether the response may have members for the organizer only.
FOR_ORGANIZER = "for_organizer"


class TicketTypeShown(serializers.ModelSerializer[TicketType]):
    """One kind of ticket, with the number of tickets left."""

    available = serializers.IntegerField(read_only=True)
    is_hidden = serializers.BooleanField(
        read_only=True,
        help_text="Only the organizer sees a hidden type here. Buyers need a promo code that"
        " unlocks it.",
    )

    class Meta:
        model = TicketType
        fields = [
            "id",
            "name",
            "price",
            "capacity",
            "available",
            "sales_start_at",
            "sales_end_at",
            "max_per_order",
            "is_hidden",
        ]


class EventShown(serializers.ModelSerializer[Event]):
    """
    One event. Times are in the event's own time zone.

    Hidden ticket types are shown to the organizer only, and only the organizer's figures count
    their tickets.
    """

    available = serializers.SerializerMethodField()
    sold_out = serializers.SerializerMethodField()
    image_url = serializers.SerializerMethodField()
    ticket_types = TicketTypeShown(many=True, read_only=True)
    external_id = serializers.SerializerMethodField(
        help_text="The organizer's own id of the event. null for other callers."
    )
    metadata = serializers.SerializerMethodField(
        help_text="Data that the organizer stores with the event. Empty for other callers."
    )

    cancellation_note = serializers.SerializerMethodField(
        help_text="What the organizer wrote to the buyers when the event was cancelled."
    )

    class Meta:
        model = Event
        fields = [
            "id",
            "slug",
            "name",
            "description",
            "status",
            "venue",
            "address",
            "city",
            "timezone",
            "starts_at",
            "ends_at",
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
            "confirms_free_orders",
            "image_url",
            "currency",
            "available",
            "sold_out",
            "ticket_types",
            "external_id",
            "metadata",
            "cancellation_note",
        ]

    def to_representation(self, event: Event) -> dict[str, Any]:
        shown = super().to_representation(event)
        if not self.context.get(FOR_ORGANIZER):
            shown["ticket_types"] = [k for k in shown["ticket_types"] if not k["is_hidden"]]
        return shown | sum_up(shown["ticket_types"])

    # `to_representation` replaces both, once it knows which ticket types the caller sees.
    def get_available(self, event: Event) -> int:
        return 0

    def get_sold_out(self, event: Event) -> bool:
        return False

    # Only for the organizer: these may contain private notes.
    def get_external_id(self, event: Event) -> str | None:
        return (event.external_id or None) if self.context.get(FOR_ORGANIZER) else None

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_metadata(self, event: Event) -> dict[str, str]:
        return dict(event.metadata) if self.context.get(FOR_ORGANIZER) else {}

    def get_cancellation_note(self, event: Event) -> str | None:
        return event.cancellation_note or None

    def get_image_url(self, event: Event) -> str | None:
        return event.image_url or None


def sum_up(kinds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an event's `available` and `sold_out`, from the JSON of its shown ticket types."""
    available = sum(kind["available"] for kind in kinds)
    return {"available": available, "sold_out": bool(kinds) and not available}
