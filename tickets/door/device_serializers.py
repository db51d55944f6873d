"""Door devices as JSON."""

from typing import Any

from rest_framework import serializers

from events.models import Event
from ticketing.api.fields import LineField, StrictSerializer, YesOrNoField, column_length
from ticketing.api.rules import has, has_values
from tickets.models import Device


class DeviceSent(StrictSerializer):
    """A scanner for some events, or for all of them with `all_events`."""

    rules = {"if": {**has("all_events"), **has_values(all_events=True)}, "else": has("events")}

    name = LineField(max_length=column_length(Device, "name"))
    gate = LineField(max_length=column_length(Device, "gate"), required=False, allow_blank=True)
    all_events = YesOrNoField(
        required=False, help_text="Also those that the organizer makes later."
    )
    events = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="Ids of events.",
    )
    is_supervisor = YesOrNoField(
        required=False,
        help_text="May find guests by name, admit them by hand, and undo a check-in. The token"
        " needs `tickets:write` too.",
    )
    organizer = serializers.UUIDField(
        required=False, help_text="For users who act for several organizers."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("all_events") and "events" not in attrs:
            raise serializers.ValidationError(
                {"events": "Send ids of events, or set `all_events`."}, code="required"
            )
        return attrs


class PairingSent(StrictSerializer):
    """The pairing code that the organizer's system has shown as a QR code."""

    pairing_code = LineField(max_length=100)


class DeviceShown(serializers.ModelSerializer[Device]):
    """A scanner at a gate."""

    # A field made from the model would have a title in the language of the first request.
    events = serializers.PrimaryKeyRelatedField[Event](many=True, read_only=True)

    class Meta:
        model = Device
        fields = [
            "id",
            "name",
            "gate",
            "all_events",
            "events",
            "is_supervisor",
            "created_at",
            "last_seen_at",
            "revoked_at",
        ]


class NewDeviceShown(DeviceShown):
    """A scanner with its `token`, which is shown only once."""

    token = serializers.CharField()

    class Meta(DeviceShown.Meta):
        fields = [*DeviceShown.Meta.fields, "token"]


class PairingShown(serializers.Serializer[Any]):
    """A code for one phone, which is shown only once."""

    device = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    pairing_code = serializers.CharField()
