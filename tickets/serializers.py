"""Tickets and scans as JSON."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from rest_framework import serializers

from ticketing import clock
from ticketing.api.fields import (
    LineField,
    MomentField,
    NameField,
    StrictSerializer,
    TextField,
    is_line,
)
from ticketing.api.pagination import ChangesQuery
from ticketing.api.schema import Problem
from ticketing.ids import new_id
from tickets.issue import code_url
from tickets.models import ScanResult, Ticket, TicketStatus

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
    scanned_at = MomentField(
        required=False,
        help_text="When a device that was offline saw it: at most 30 days ago, and at most 5"
        " minutes ahead of our clock. Without it: now.",
    )

    def validate_scanned_at(self, moment: datetime) -> datetime:
        if moment > clock.now() + _CLOCK_SKEW:
            raise serializers.ValidationError("This is in the future.", code="in_the_future")
        if moment < clock.now() - _LONGEST_OFFLINE:
            raise serializers.ValidationError("This is too long ago.", code="too_long_ago")
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
    """The tickets of an order. Until `tickets_ready` they have no links to QR codes."""

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


class TicketForOrganizer(serializers.ModelSerializer[Ticket]):
    """A ticket as its organizer sees it. `gate` is where it was used."""

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


class TicketsQuery(ChangesQuery):
    """How an organizer narrows the tickets of an event."""

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
    """Who is to have a ticket from now on."""

    # Also in a PATCH, of which the generator believes that it need not say anything.
    rules = {"required": ["holder_name"]}

    holder_name = NameField()


class AttendanceOfTypeShown(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    capacity = serializers.IntegerField()
    sold = serializers.IntegerField()
    held = serializers.IntegerField()
    admitted = serializers.IntegerField()


class AttendanceOfGateShown(serializers.Serializer[Any]):
    gate = serializers.CharField()
    admitted = serializers.IntegerField()
    refused = serializers.IntegerField()


class AttendanceShown(serializers.Serializer[Any]):
    """Of an event: `held` are reserved or being paid for, `admitted` are tickets let in."""

    event = serializers.UUIDField()
    capacity = serializers.IntegerField()
    sold = serializers.IntegerField()
    held = serializers.IntegerField()
    admitted = serializers.IntegerField()
    ticket_types = AttendanceOfTypeShown(many=True)
    gates = AttendanceOfGateShown(many=True)


class ScannedTicketShown(serializers.Serializer[Any]):
    """The ticket that a code belongs to."""

    id = serializers.UUIDField()
    ticket_type = serializers.CharField()
    holder_name = serializers.CharField()
    order_code = serializers.CharField()
    event = serializers.UUIDField()


class CheckInUndoneShown(serializers.Serializer[Any]):
    """A ticket that may enter once more."""

    id = serializers.UUIDField(source="ticket.pk")
    status = serializers.ChoiceField(TicketStatus.choices, source="ticket.status")
    holder_name = serializers.CharField(source="ticket.holder_name")
    scan_id = serializers.UUIDField()
    undone_at = serializers.DateTimeField()


class AdmissionShown(serializers.Serializer[Any]):
    """Somebody may enter. A refusal is a problem, with the same `scan_id`."""

    result = serializers.ChoiceField(choices=[ScanResult.ADMITTED.value])
    scan_id = serializers.UUIDField()
    ticket = ScannedTicketShown()
    used_at = serializers.DateTimeField()


class FirstScanShown(serializers.Serializer[Any]):
    """The scan that used a ticket."""

    at = serializers.DateTimeField()
    gate = serializers.CharField(help_text="Empty if none was said.")
    device = serializers.CharField(allow_null=True, help_text="Null if an API token was used.")


class ScanProblem(Problem):
    """Nobody may enter. What is known of the scan and of the ticket is told too."""

    example = {"scan_id": "01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90"}

    scan_id = serializers.UUIDField(required=False, help_text="Of each attempt on record.")
    ticket = ScannedTicketShown(required=False, help_text="Where the code belongs to one.")
    first_scan = FirstScanShown(
        required=False, allow_null=True, help_text="Of `already_used`; null if it was undone since."
    )
    checkin_starts_at = serializers.DateTimeField(
        required=False, help_text="Of `not_yet_open`, in the event's time zone."
    )
    checkin_ends_at = serializers.DateTimeField(
        required=False, help_text="Of `closed`, in the event's time zone."
    )


class ReplacedProblem(Problem):
    """A ticket that is not valid. If another is in its place, that one is named."""

    replaced_by = serializers.UUIDField(required=False)
