"""Tickets and scans as JSON."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from rest_framework import serializers

from ticketing import clock
from ticketing.api.fields import LineField, MomentField, StrictSerializer, TextField, is_line
from ticketing.ids import new_id
from tickets.issue import code_url
from tickets.models import Ticket

# A device's clock may be a little ahead of ours.
_CLOCK_SKEW = timedelta(minutes=5)
# Longer than any device is cut off; a clock that says less is wrong.
_LONGEST_OFFLINE = timedelta(days=30)


class ScanSent(StrictSerializer):
    """What a scanner saw. Only `code` is required."""

    code = TextField(max_length=300, trim_whitespace=False)
    event = serializers.UUIDField(required=False)
    gate = LineField(max_length=50, required=False, allow_blank=True)
    scan_id = serializers.UUIDField(default=new_id)
    scanned_at = MomentField(required=False)

    def validate_scanned_at(self, moment: datetime) -> datetime:
        if moment > clock.now() + _CLOCK_SKEW:
            raise serializers.ValidationError("This is in the future.")
        if moment < clock.now() - _LONGEST_OFFLINE:
            raise serializers.ValidationError("This is too long ago.")
        return moment


class UsualScan(Struct, forbid_unknown_fields=True):
    """What a scanner sends that is online. `ScanSent` takes all of it, and judges the rest."""

    code: Annotated[str, Meta(min_length=1, max_length=300)]
    event: UUID | UnsetType = UNSET
    gate: Annotated[str, Meta(max_length=50)] = ""
    scan_id: UUID | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not self.code.isprintable() or (self.gate and not is_line(self.gate)):
            raise ValueError


class TicketShown(serializers.ModelSerializer[Ticket]):
    """One person's right to enter. `qr_code_url` is a link that runs out after an hour."""

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
        return code_url(ticket) if self.context["ready"] else None


class OrderTicketsShown(serializers.Serializer[Any]):
    order = serializers.UUIDField()
    code = serializers.CharField()
    tickets_ready = serializers.BooleanField()
    tickets = TicketShown(many=True)


class ScannedTicketShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    ticket_type = serializers.CharField()
    holder_name = serializers.CharField()
    order_code = serializers.CharField()
    event = serializers.UUIDField()


class AdmissionShown(serializers.Serializer[Any]):
    result = serializers.CharField()
    scan_id = serializers.UUIDField()
    ticket = ScannedTicketShown()
    used_at = serializers.DateTimeField()
