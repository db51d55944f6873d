"""Scans as JSON."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

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
from tickets.door.scans import ScannedCode
from tickets.models import Decision, Direction, Scan, ScanResult, TicketStatus

_LONGEST_CODE = column_length(Scan, "code")
_LONGEST_GATE = column_length(Scan, "gate")
# As many as an order has at most: one transaction admits them.
_LARGEST_PARTY = 100
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
        " minutes ahead of our clock. Without it: now. With a `decision`, a time outside of that"
        " counts as now: the device's clock is wrong.",
    )

    direction = serializers.ChoiceField(
        choices=Direction.values, default=Direction.ENTRY.value, help_text="Without it: `entry`."
    )
    decision = serializers.ChoiceField(
        choices=Decision.values,
        required=False,
        help_text="What a device that was offline has told the guest. Without it, the guest waits"
        " for the response.",
    )

    def validate(self, scan: dict[str, Any]) -> dict[str, Any]:
        if wrong := _wrong_time(scan.get("scanned_at")):
            if "decision" not in scan:
                raise serializers.ValidationError({"scanned_at": [wrong]})
            # The guest is inside. Without this scan the ticket would let in another one.
            del scan["scanned_at"]
        return scan


def _wrong_time(scanned_at: datetime | None) -> ErrorDetail | None:
    """Return what is wrong with the time of a scan, or None."""
    now = clock.now()
    if scanned_at is not None and scanned_at > now + _CLOCK_SKEW:
        return ErrorDetail("This is in the future.", code="in_the_future")
    if scanned_at is not None and scanned_at < now - _LONGEST_OFFLINE:
        return ErrorDetail("This is too long ago.", code="too_long_ago")
    return None


def scanned_code(scan: Mapping[str, Any], *, now: datetime) -> ScannedCode:
    """Return the scan in the validated data of `ScanSent`."""
    return ScannedCode(
        scan_id=scan["scan_id"],
        code=scan["code"],
        gate=scan.get("gate", ""),
        at=min(scan.get("scanned_at", now), now),
        event_id=scan.get("event"),
        direction=Direction(scan["direction"]),
        decision=Decision(scan["decision"]) if "decision" in scan else None,
    )


class ScannedPartySent(StrictSerializer):
    """A code of an order, and an id for the scan of each unused ticket of that order."""

    code = TextField(max_length=_LONGEST_CODE, trim_whitespace=False)
    scan_ids = serializers.ListField(
        child=serializers.UUIDField(),
        min_length=1,
        max_length=_LARGEST_PARTY,
        help_text="As many different ids as the party has unused tickets (`party.unused`).",
    )
    gate = LineField(max_length=_LONGEST_GATE, required=False, allow_blank=True)

    def validate_scan_ids(self, scan_ids: list[UUID]) -> list[UUID]:
        if len(set(scan_ids)) < len(scan_ids):
            raise serializers.ValidationError("Give each scan an id of its own.", code="repeated")
        return scan_ids


class UsualScan(Struct, forbid_unknown_fields=True):
    """The usual scan of an online device, for the shortcut. `ScanSent` reads every other one."""

    code: Annotated[str, Meta(min_length=1, max_length=_LONGEST_CODE)]
    event: UUID | UnsetType = UNSET
    gate: Annotated[str, Meta(max_length=_LONGEST_GATE)] = ""
    scan_id: UUID | UnsetType = UNSET
    direction: Literal["entry", "exit"] = "entry"

    def __post_init__(self) -> None:
        if not self.code.isprintable() or (self.gate and not is_line(self.gate)):
            raise ValueError


class UndoSent(StrictSerializer):
    """Which scan to undo. Without `scan_id`: the latest entry or exit."""

    scan_id = serializers.UUIDField(required=False)


class ScannedTicketShown(serializers.Serializer[Any]):
    """The ticket that a code belongs to."""

    id = serializers.UUIDField()
    ticket_type = serializers.CharField()
    holder_name = serializers.CharField()
    order_code = serializers.CharField()
    event = serializers.UUIDField()


class CheckInUndoneShown(serializers.Serializer[Any]):
    """A ticket whose latest entry or exit was undone. A `valid` one may be checked in again."""

    id = serializers.UUIDField(source="ticket.pk")
    status = serializers.ChoiceField(TicketStatus.choices, source="ticket.status")
    holder_name = serializers.CharField(source="ticket.holder_name")
    scan_id = serializers.UUIDField()
    undone_at = serializers.DateTimeField()


class PartyShown(serializers.Serializer[Any]):
    """The tickets of the same order that may still be used at this gate."""

    unused = serializers.IntegerField()


class AdmissionShown(serializers.Serializer[Any]):
    """The ticket's holder is let in or out. A refusal is a problem, with the same `scan_id`."""

    result = serializers.ChoiceField(
        choices=[ScanResult.ADMITTED.value, ScanResult.EXITED.value],
        help_text="`exited` after a scan with the direction `exit`.",
    )
    scan_id = serializers.UUIDField()
    ticket = ScannedTicketShown()
    used_at = serializers.DateTimeField(help_text="When the code was scanned.")
    again = serializers.BooleanField(
        help_text="Whether the ticket has entered before, and the event's rule lets it in again."
    )
    inside = serializers.BooleanField(help_text="Whether the holder is inside after this scan.")
    conflict = serializers.BooleanField(
        help_text="Whether a device that was offline let the holder in outside the hours or at the"
        " wrong gate."
    )
    party = PartyShown(allow_null=True, help_text="Null if there are no such tickets.")


class PartyAdmittedShown(serializers.Serializer[Any]):
    """All of them are admitted. A refusal is a problem, and admits nobody."""

    results = AdmissionShown(many=True, help_text="In the order of the sent `scan_ids`.")


class FirstScanShown(serializers.Serializer[Any]):
    """An earlier scan of the ticket."""

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
        help_text="With `already_used`: the first admission. Null if it was undone since.",
    )
    last_entry = FirstScanShown(
        required=False,
        allow_null=True,
        help_text="With `already_used`: the latest entry, which may be a later one than the first.",
    )
    last_exit = FirstScanShown(
        required=False,
        allow_null=True,
        help_text="With `not_inside`. Null if the ticket has never left.",
    )
    gates = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="With `wrong_gate`: the gates that are for this ticket type. Gates without a rule"
        " admit it too.",
    )
    party = PartyShown(
        required=False,
        help_text="With `already_used`, if other tickets of the order are not used. With"
        " `party_changed`: how many may enter now.",
    )
    conflict = serializers.BooleanField(
        required=False,
        help_text="True if a device that was offline has let the guest in all the same.",
    )
    checkin_starts_at = serializers.DateTimeField(
        required=False, help_text="With `not_yet_open`, in the event's time zone."
    )
    checkin_ends_at = serializers.DateTimeField(
        required=False, help_text="With `closed`, in the event's time zone."
    )


class PartyProblem(ScanProblem):
    """Nobody is admitted, and nothing is recorded."""

    example = {"party": {"unused": 2}}
