"""Scans and attendance as JSON."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from rest_framework import serializers

from ticketing import clock
from ticketing.api.fields import (
    LineField,
    MomentField,
    StrictSerializer,
    TextField,
    column_length,
    is_line,
)
from ticketing.api.schema import Problem
from ticketing.ids import new_id
from tickets.models import Scan, ScanResult, TicketStatus

_LONGEST_CODE = column_length(Scan, "code")
_LONGEST_GATE = column_length(Scan, "gate")
# A device's clock may be a little ahead of ours.
_CLOCK_SKEW = timedelta(minutes=5)
# Longer than any device is offline: an earlier time means that the device's clock is wrong.
_LONGEST_OFFLINE = timedelta(days=30)


class ScanSent(StrictSerializer):
    """A code that was scanned. Only `code` is required."""

    code = TextField(max_length=_LONGEST_CODE, trim_whitespace=False)
    event = serializers.UUIDField(required=False)
    gate = LineField(max_length=_LONGEST_GATE, required=False, allow_blank=True)
    scan_id = serializers.UUIDField(default=new_id)
    scanned_at = MomentField(
        required=False,
        help_text="When a device that was offline scanned it: at most 30 days ago, and at most 5"
        " minutes ahead of our clock. Without it: now.",
    )

    def validate_scanned_at(self, moment: datetime) -> datetime:
        if moment > clock.now() + _CLOCK_SKEW:
            raise serializers.ValidationError("This is in the future.", code="in_the_future")
        if moment < clock.now() - _LONGEST_OFFLINE:
            raise serializers.ValidationError("This is too long ago.", code="too_long_ago")
        return moment


class UsualScan(Struct, forbid_unknown_fields=True):
    """The usual scan of an online device, for the shortcut. `ScanSent` reads every other one."""

    code: Annotated[str, Meta(min_length=1, max_length=_LONGEST_CODE)]
    event: UUID | UnsetType = UNSET
    gate: Annotated[str, Meta(max_length=_LONGEST_GATE)] = ""
    scan_id: UUID | UnsetType = UNSET

    def __post_init__(self) -> None:
        if not self.code.isprintable() or (self.gate and not is_line(self.gate)):
            raise ValueError


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
    """An event's tickets: `held` are reserved or being paid for, `admitted` are checked in."""

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
    """A ticket whose check-in was undone. It may be checked in again."""

    id = serializers.UUIDField(source="ticket.pk")
    status = serializers.ChoiceField(TicketStatus.choices, source="ticket.status")
    holder_name = serializers.CharField(source="ticket.holder_name")
    scan_id = serializers.UUIDField()
    undone_at = serializers.DateTimeField()


class AdmissionShown(serializers.Serializer[Any]):
    """The ticket is admitted. A refusal is a problem, with the same `scan_id`."""

    result = serializers.ChoiceField(choices=[ScanResult.ADMITTED.value])
    scan_id = serializers.UUIDField()
    ticket = ScannedTicketShown()
    used_at = serializers.DateTimeField()


class FirstScanShown(serializers.Serializer[Any]):
    """The scan that checked the ticket in."""

    at = serializers.DateTimeField()
    gate = serializers.CharField(help_text="Empty if the scan named none.")
    device = serializers.CharField(allow_null=True, help_text="Null if an API token was used.")


class ScanProblem(Problem):
    """The ticket is not admitted. Members show what is known of the scan and of the ticket."""

    example = {"scan_id": "01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90"}

    scan_id = serializers.UUIDField(required=False, help_text="If the attempt is on record.")
    ticket = ScannedTicketShown(required=False, help_text="If the code belongs to one.")
    first_scan = FirstScanShown(
        required=False,
        allow_null=True,
        help_text="With `already_used`. Null if that check-in was undone since.",
    )
    checkin_starts_at = serializers.DateTimeField(
        required=False, help_text="With `not_yet_open`, in the event's time zone."
    )
    checkin_ends_at = serializers.DateTimeField(
        required=False, help_text="With `closed`, in the event's time zone."
    )
