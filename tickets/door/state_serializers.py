"""The state of a door and its offline bundle as JSON."""

from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from rest_framework import serializers

from events.models import Event, EventStatus, Reentry
from ticketing.api.fields import TextField, show_moment
from tickets.codes import public_key
from tickets.door.answers import show_scan
from tickets.door.bundle import TicketChanges, bundle_lasts
from tickets.door.conflicts import Conflict
from tickets.door.counts import DoorCounts
from tickets.door.gates import DoorGate
from tickets.door.serializers import FirstScanShown
from tickets.models import Device, ScanResult

_BINARY = "In base64url, without padding."


class BundleQuery(serializers.Serializer[Any]):
    """The query parameters of a bundle."""

    since = TextField(
        required=False,
        max_length=200,
        help_text="The `cursor` of the page before. Without it: everything.",
    )


class DoorCountsShown(serializers.Serializer[Any]):
    """Figures of one event's door, a few seconds old."""

    inside = serializers.IntegerField(help_text="Guests who are inside now.")
    admitted = serializers.IntegerField(help_text="Tickets that were used, each once.")
    refused = serializers.IntegerField(help_text="Attempts that were refused.")
    conflicts = serializers.IntegerField(
        help_text="Guests whom a device without a network let in against the rules."
    )
    sold = serializers.IntegerField(help_text="Tickets that were sold or given.")


class DoorEventShown(serializers.Serializer[Any]):
    """An event of the device."""

    id = serializers.UUIDField()
    number = serializers.IntegerField(help_text="The event's number in the codes of its tickets.")
    name = serializers.CharField()
    timezone = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    checkin_starts_at = serializers.DateTimeField(allow_null=True)
    checkin_ends_at = serializers.DateTimeField(allow_null=True)
    cancelled = serializers.BooleanField()
    reentry = serializers.ChoiceField(
        choices=Reentry.choices, help_text="Whether a ticket may enter again."
    )
    confirm_first = serializers.BooleanField(
        help_text="Whether staff confirm each admission by a tap, before the next scan."
    )
    gate_types = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="The numbers of the ticket types that the device's gate admits. Null: each type.",
    )


class DoorTypeShown(serializers.Serializer[Any]):
    """A ticket type by its number in the codes."""

    number = serializers.IntegerField()
    name = serializers.CharField()


class DoorGateShown(serializers.Serializer[Any]):
    """A gate that admits some ticket types only, by their numbers."""

    name = serializers.CharField()
    types = serializers.ListField(child=serializers.IntegerField())


class BundleEventShown(DoorEventShown):
    """An event of the device, with its ticket types."""

    types = DoorTypeShown(many=True)
    gates = DoorGateShown(
        many=True,
        help_text="The gates that admit some ticket types only: where to send a guest of the wrong"
        " gate. Others admit each type.",
    )


class StateEventShown(DoorEventShown):
    """An event of the device, with the figures of its door."""

    counts = DoorCountsShown()


class DoorDeviceShown(serializers.Serializer[Any]):
    """The device that asks."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    gate = serializers.CharField()
    is_supervisor = serializers.BooleanField()


class DoorOrganizerShown(serializers.Serializer[Any]):
    """Whose device it is."""

    name = serializers.CharField()


class ConflictEventShown(serializers.Serializer[Any]):
    """The event of a conflict."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class ConflictShown(serializers.Serializer[Any]):
    """A scan by which a device without a network let somebody in whom the rules refuse."""

    id = serializers.UUIDField()
    event = ConflictEventShown()
    at = serializers.DateTimeField()
    gate = serializers.CharField()
    device = serializers.CharField(allow_null=True)
    result = serializers.ChoiceField(
        choices=ScanResult.values,
        help_text="Why the rules refuse it, as of a scan. `admitted` or `readmitted`: the ticket"
        " was valid, but not at that gate or at that time.",
    )
    code_hint = serializers.CharField(
        help_text="The ticket's code that people read aloud. Empty if the ticket was replaced."
    )
    order_code = serializers.CharField()
    ticket_type = serializers.CharField()
    other = FirstScanShown(allow_null=True, help_text="The ticket's latest other entry.")


class DoorStateShown(serializers.Serializer[Any]):
    """What a device needs to know about itself and its door, now."""

    device = DoorDeviceShown()
    organizer = DoorOrganizerShown()
    server_time = serializers.DateTimeField()
    bundle_lasts_hours = serializers.IntegerField()
    events = StateEventShown(many=True)
    conflicts = ConflictShown(many=True)


class SigningKeyShown(serializers.Serializer[Any]):
    """The Ed25519 key that verifies the codes of an event's tickets."""

    event = serializers.IntegerField(help_text="The event's number.")
    key_id = serializers.IntegerField()
    public_key = serializers.CharField(help_text=f"32 bytes. {_BINARY}")


def _ids(meaning: str) -> serializers.ListField:
    help_text = f"{meaning} Ids of tickets, 16 bytes each. {_BINARY}"
    return serializers.ListField(child=serializers.CharField(), help_text=help_text)


class BundleShown(serializers.Serializer[Any]):
    """
    One page of what a device needs to decide without a network. It has no data of guests.

    `keys` and `events` are complete on each page.
    """

    cursor = serializers.CharField(help_text="Send it as `since` for what follows.")
    complete = serializers.BooleanField(help_text="False: send `cursor` now, more pages follow.")
    reset = serializers.BooleanField(
        help_text="True: this is the first page of everything. Drop the ids that you have."
    )
    made_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="From then on, do not admit by this bundle.")
    keys = SigningKeyShown(many=True)
    events = BundleEventShown(many=True)
    revoked = _ids("They admit nobody.")
    used = _ids("They were used.")
    outside = _ids("Those of `used` whose holders have left.")
    entered = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="Of events with the rule `once_a_day`: the latest entry of those of `used`, in"
        " seconds since 1970.",
    )
    freed = _ids("They are valid again, because a check-in was undone.")


def show_state(  # noqa: PLR0913 - the parts of a response
    device: Device,
    events: Iterable[Event],
    counts: Mapping[UUID, DoorCounts],
    *,
    types: Mapping[UUID, list[int]],
    conflicts: Iterable[Conflict],
    now: datetime,
) -> dict[str, Any]:
    """Return the state of a device's door, which `DoorStateShown` describes."""
    return {
        "device": {
            "id": str(device.pk),
            "name": device.name,
            "gate": device.gate,
            "is_supervisor": device.is_supervisor,
        },
        "organizer": {"name": device.organizer.name},
        "server_time": show_moment(now),
        "bundle_lasts_hours": settings.DOOR_BUNDLE_HOURS,
        "events": [
            {
                **_show_event(event, types.get(event.pk)),
                "counts": dict(DoorCountsShown(counts[event.pk]).data),
            }
            for event in events
        ],
        "conflicts": [_show_conflict(conflict) for conflict in conflicts],
    }


def show_bundle(
    events: Iterable[Event], changes: TicketChanges, gates: Mapping[UUID, list[DoorGate]]
) -> dict[str, Any]:
    """Return one page of a bundle, which `BundleShown` describes."""
    return {
        "cursor": changes.cursor,
        "complete": changes.is_complete,
        "reset": changes.is_reset,
        "made_at": show_moment(changes.made_at),
        "expires_at": show_moment(changes.made_at + bundle_lasts()),
        "keys": [key for event in events for key in _show_keys(event)],
        "events": [
            {
                **_show_event(event, _types_of_own(gates.get(event.pk, []))),
                "types": [
                    {"number": kind.number, "name": kind.name} for kind in event.ticket_types.all()
                ],
                "gates": [
                    {"name": rule.name, "types": rule.types} for rule in gates.get(event.pk, [])
                ],
            }
            for event in events
        ],
        "revoked": [_show_bytes(ticket_id.bytes) for ticket_id in changes.revoked],
        "used": [_show_bytes(ticket_id.bytes) for ticket_id in changes.used],
        "outside": [_show_bytes(ticket_id.bytes) for ticket_id in changes.outside],
        "entered": {
            _show_bytes(ticket_id.bytes): int(at.timestamp())
            for ticket_id, at in changes.entered_at.items()
        },
        "freed": [_show_bytes(ticket_id.bytes) for ticket_id in changes.freed],
    }


def _show_event(event: Event, gate_types: list[int] | None) -> dict[str, Any]:
    opens, closes = event.checkin_starts_at, event.checkin_ends_at
    return {
        "id": str(event.pk),
        "number": event.number,
        "name": event.name,
        "timezone": event.timezone,
        "starts_at": show_moment(event.starts_at),
        "ends_at": show_moment(event.ends_at),
        "checkin_starts_at": opens and show_moment(opens),
        "checkin_ends_at": closes and show_moment(closes),
        "cancelled": event.status == EventStatus.CANCELLED,
        "reentry": event.reentry,
        "confirm_first": event.confirm_first,
        "gate_types": gate_types,
    }


def _types_of_own(rules: Iterable[DoorGate]) -> list[int] | None:
    return next((rule.types for rule in rules if rule.is_own), None)


def _show_conflict(conflict: Conflict) -> dict[str, Any]:
    scan, ticket = conflict.scan, conflict.scan.ticket
    return {
        "id": str(scan.pk),
        "event": {"id": str(scan.event_id), "name": scan.event.name if scan.event else ""},
        "at": show_moment(scan.scanned_at),
        "gate": scan.gate,
        "device": scan.device.name if scan.device else None,
        "result": scan.result,
        "code_hint": conflict.code,
        "order_code": ticket.order.code if ticket else "",
        "ticket_type": ticket.ticket_type.name if ticket else "",
        "other": show_scan(conflict.other),
    }


def _show_keys(event: Event) -> list[dict[str, Any]]:
    return [
        {
            "event": event.number,
            "key_id": key_id,
            "public_key": _show_bytes(
                public_key(event.pk, key_id).public_bytes(Encoding.Raw, PublicFormat.Raw)
            ),
        }
        for key_id in settings.TICKET_SIGNING_KEYS
    ]


def _show_bytes(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
