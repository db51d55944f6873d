"""Serializers of responses: events and their ticket types as JSON."""

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
        ]


class EventShown(serializers.ModelSerializer[Event]):
    """One event. Times are in the event's own time zone."""

    available = serializers.IntegerField(read_only=True)
    sold_out = serializers.BooleanField(read_only=True)
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
