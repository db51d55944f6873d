"""A batch of scans, which a device sends after it was offline, as JSON."""

from typing import Any, Final

from rest_framework import serializers

from ticketing.api.fields import StrictSerializer
from tickets.door.answers import GATE_REFUSALS
from tickets.door.checkin import EventNotForScanner
from tickets.door.earlier import ScanIdReused
from tickets.door.serializers import FirstScanShown, ScanSent
from tickets.models import ScanResult

MOST_SCANS: Final = 200
# The result of a scan that cannot be read. It is not recorded.
NOT_VALID: Final = "invalid"
# The results of scans that are not recorded: they cannot succeed later.
_NOT_RECORDED: Final = (NOT_VALID, EventNotForScanner.code, ScanIdReused.code)
_RESULTS: Final = [
    ScanResult.ADMITTED.value,
    ScanResult.EXITED.value,
    *(kind.code for kind in GATE_REFUSALS),
    *_NOT_RECORDED,
]


class BatchedScan(ScanSent):
    """One scan of a batch. The same `scan_id` of the same scanner is the same scan."""

    scan_id = serializers.UUIDField()


class ScansSent(StrictSerializer):
    """Scans in the order of their time."""

    scans = serializers.ListField(
        # Each is checked by itself, so that a bad one does not spoil the others.
        child=serializers.DictField(),
        allow_empty=False,
        max_length=MOST_SCANS,
        help_text="Each as in `POST /tickets/validate`, with a `scan_id`.",
    )


class ScanErrorShown(serializers.Serializer[Any]):
    """What is wrong with a scan."""

    pointer = serializers.CharField(help_text="The place in the scan, as `#/scanned_at`.")
    detail = serializers.CharField()
    code = serializers.CharField()


class ScanOfBatchShown(serializers.Serializer[Any]):
    """The result of one scan."""

    scan_id = serializers.UUIDField(allow_null=True, help_text="Null if none could be read.")
    result = serializers.ChoiceField(
        choices=_RESULTS,
        help_text="`admitted` or `exited`, or why not, by the codes of `POST /tickets/validate`."
        " `invalid`, `not_found` and `scan_id_reused` are not recorded: do not send it again.",
    )
    again = serializers.BooleanField(help_text="The ticket has entered before, and may again.")
    conflict = serializers.BooleanField(
        help_text="The device let somebody in whom the rules refuse."
    )
    first_scan = FirstScanShown(
        allow_null=True, help_text="With `already_used`: the first admission, if it stands."
    )
    errors = ScanErrorShown(  # type: ignore[assignment]  # a member, not the errors of a serializer
        many=True, help_text="With `invalid`."
    )


class ScansShown(serializers.Serializer[Any]):
    """The result of each scan, in the same order."""

    results = ScanOfBatchShown(many=True)
