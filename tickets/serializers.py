"""Tickets and scans as JSON."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from ticketing.api.fields import (
    NameField,
    StrictSerializer,
    TextField,
)
from ticketing.api.pagination import ChangesQuery
from ticketing.api.schema import Problem
from tickets.issue import code_url
from tickets.models import Ticket, TicketStatus
from tickets.search import with_all_shown


class _MayHideCodes(serializers.ModelSerializer[Ticket]):
    """Shows an empty `code` with `hides_codes` in the context: to members who only read."""

    def to_representation(self, instance: Ticket) -> dict[str, Any]:
        shown = dict(super().to_representation(instance))
        return shown | {"code": ""} if self.hides_code_of(instance) else shown

    def hides_code_of(self, ticket: Ticket) -> bool:
        return bool(self.context.get("hides_codes"))


class TicketShown(_MayHideCodes):
    """
    One person's right to enter. `qr_code_url` is a link that expires after an hour.

    A ticket that the buyer has handed on has an empty `code` and no link: only its new holder gets
    them.
    """

    ticket_type = serializers.CharField(source="ticket_type.name")
    qr_code_url = serializers.SerializerMethodField()

    class Meta:
        model = Ticket
        fields = [
            "id",
            "code",
            "ticket_type",
            "holder_name",
            "status",
            "qr_code_url",
            "used_at",
        ]

    def get_qr_code_url(self, ticket: Ticket) -> str | None:
        shows = self.context["ready"] and not self.hides_code_of(ticket)
        return code_url(ticket) if shows else None

    def hides_code_of(self, ticket: Ticket) -> bool:
        return super().hides_code_of(ticket) or ticket.transfer_id is not None


class OrderTicketsShown(serializers.Serializer[Any]):
    """The tickets of an order. Until `tickets_ready` is true, `qr_code_url` is null."""

    order = serializers.UUIDField()
    code = serializers.CharField()
    tickets_ready = serializers.BooleanField()
    tickets = TicketShown(many=True)


class OrderNamed(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    code = serializers.CharField()


class TicketTypeNamed(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class TicketForOrganizer(_MayHideCodes):
    """A ticket as its organizer sees it. `gate` is where it was checked in."""

    order = OrderNamed()
    ticket_type = TicketTypeNamed()
    replaced_by = serializers.UUIDField(source="replaced_by_id", allow_null=True)
    gate = serializers.CharField(allow_null=True)
    modified_at = serializers.DateTimeField()

    class Meta:
        model = Ticket
        fields = [
            "id",
            "event",
            "order",
            "ticket_type",
            "code",
            "holder_name",
            "status",
            "gate",
            "created_at",
            "used_at",
            "revoked_at",
            "refunded_at",
            "replaced_by",
            "modified_at",
        ]


def show_ticket_to_organizer(ticket_id: UUID) -> dict[str, Any]:
    """Return a ticket as JSON for its organizer."""
    return dict(TicketForOrganizer(with_all_shown(Ticket.objects.all()).get(pk=ticket_id)).data)


class TicketsQuery(ChangesQuery):
    """The filters of an event's tickets."""

    q = TextField(
        max_length=300,
        required=False,
        allow_blank=True,
        help_text="The text of a QR code, an order's code, or part of a holder's name.",
    )
    status = serializers.ListField(
        child=serializers.ChoiceField(choices=TicketStatus.choices),
        required=False,
        help_text="One or several: `status=used&status=revoked`. Not with `modified_since`.",
    )
    ticket_type = serializers.UUIDField(
        required=False, help_text="Only tickets of the type with this id."
    )


class HolderSent(StrictSerializer):
    """The new holder of a ticket."""

    # The generator believes that all fields of a PATCH are optional. This one is required.
    rules = {"required": ["holder_name"]}

    holder_name = NameField()


class ReplacedProblem(Problem):
    """A ticket that is not valid. `replaced_by` is the id of its replacement, if there is one."""

    replaced_by = serializers.UUIDField(required=False)
