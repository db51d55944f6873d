"""Events as JSON: what we show, and what an organizer may send."""

from typing import Any

from rest_framework import serializers

from events.catalogue import Period
from events.models import (
    LARGEST_CAPACITY,
    Event,
    EventStatus,
    TicketType,
    known_timezone,
    refuse_other_schemes,
)
from ticketing.api.fields import (
    LineField,
    MomentField,
    PriceField,
    StrictSerializer,
    TextField,
    WholeNumberField,
    YesOrNoField,
)
from ticketing.clock import ends_too_early

_LARGEST_PER_ORDER = 100
_MOST_TYPES = 50
_SHORTHAND = ("capacity", "price")


class TicketTypeShown(serializers.ModelSerializer[TicketType]):
    """One kind of ticket, with what is left of it."""

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
        ]

    def get_image_url(self, event: Event) -> str | None:
        return event.image_url or None


class TicketTypeSent(StrictSerializer):
    """One kind of ticket, as an organizer describes it."""

    ignored = frozenset({"available"})

    id = serializers.UUIDField(required=False)
    name = LineField(max_length=100)
    price = PriceField()
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY)
    sales_start_at = MomentField(allow_null=True, required=False)
    sales_end_at = MomentField(allow_null=True, required=False)
    max_per_order = WholeNumberField(
        min_value=1, max_value=_LARGEST_PER_ORDER, allow_null=True, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _check_order(attrs, "sales_start_at", "sales_end_at")
        return attrs


class EventSent(StrictSerializer):
    """An event, as an organizer describes it. `capacity` and `price` stand for one ticket type."""

    ignored = frozenset({"id", "available", "sold_out"})

    slug = LineField(max_length=80, required=False)
    name = LineField(max_length=200)
    description = TextField(
        max_length=20_000, required=False, allow_blank=True, trim_whitespace=False
    )
    status = serializers.ChoiceField(choices=EventStatus.choices, required=False)
    venue = LineField(max_length=200)
    address = LineField(max_length=300, required=False, allow_blank=True)
    city = LineField(max_length=100)
    timezone = LineField(max_length=64, required=False, validators=[known_timezone])
    starts_at = MomentField()
    ends_at = MomentField()
    sales_start_at = MomentField(allow_null=True, required=False)
    sales_end_at = MomentField(allow_null=True, required=False)
    checkin_starts_at = MomentField(
        allow_null=True, required=False, help_text="Before it no gate opens. Null: at any time."
    )
    checkin_ends_at = MomentField(
        allow_null=True, required=False, help_text="From it on no gate opens. Null: never ends."
    )
    max_per_order = WholeNumberField(min_value=1, max_value=_LARGEST_PER_ORDER, required=False)
    max_per_customer = WholeNumberField(
        min_value=0, max_value=LARGEST_CAPACITY, allow_null=True, required=False
    )
    max_per_address = WholeNumberField(
        min_value=0, max_value=LARGEST_CAPACITY, allow_null=True, required=False
    )
    requires_proof_of_work = YesOrNoField(required=False)
    confirms_free_orders = YesOrNoField(
        required=False,
        help_text="Whether the buyer of a free order confirms the email address by a mail's link"
        " before the order is processed.",
    )
    image_url = serializers.URLField(max_length=500, allow_null=True, required=False)
    currency = serializers.RegexField(r"^[A-Z]{3}\Z", required=False)
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY, required=False)
    price = PriceField(required=False)
    ticket_types = TicketTypeSent(  # type: ignore[call-arg]  # of the list that `many` makes
        many=True, required=False, allow_empty=False, max_length=_MOST_TYPES
    )
    organizer = serializers.UUIDField(required=False)

    def validate_slug(self, slug: str) -> str:
        for validator in Event._meta.get_field("slug").validators:  # noqa: SLF001 - public in all but name
            validator(slug)
        return slug

    def validate_image_url(self, url: str | None) -> str:
        refuse_other_schemes(url or "")
        return url or ""

    def validate_ticket_types(self, kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [kind["name"] for kind in kinds if "name" in kind]
        if len(names) != len(set(names)):
            raise serializers.ValidationError("Each ticket type needs a name of its own.")
        return kinds

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        now: Event | None = self.instance
        known = {
            name: attrs.get(name, getattr(now, name, None))
            for name in (
                "starts_at",
                "ends_at",
                "sales_start_at",
                "sales_end_at",
                "checkin_starts_at",
                "checkin_ends_at",
            )
        }
        _check_order(known, "starts_at", "ends_at")
        _check_order(known, "sales_start_at", "sales_end_at")
        _check_order(known, "checkin_starts_at", "checkin_ends_at")
        shorthand = [name for name in _SHORTHAND if name in attrs]
        if shorthand and "ticket_types" in attrs:
            raise serializers.ValidationError({shorthand[0]: "Give either this or `ticket_types`."})
        if now is None:
            self._check_new(attrs, shorthand)
        self._check_new_kinds(attrs.get("ticket_types", []))
        return attrs

    def _check_new_kinds(self, kinds: list[dict[str, Any]]) -> None:
        """Refuse a new type that leaves things out; one that changes may."""
        now: Event | None = self.instance
        names = {kind.name for kind in now.ticket_types.all()} if now else set()
        errors: dict[Any, Any] = {}
        for place, kind in enumerate(kinds):
            if "id" in kind or kind.get("name") in names:
                continue
            missing = [name for name in ("name", "price", "capacity") if name not in kind]
            if missing:
                errors[place] = {name: ["A new ticket type needs this."] for name in missing}
        if errors:
            raise serializers.ValidationError({"ticket_types": errors})

    def _check_new(self, attrs: dict[str, Any], shorthand: list[str]) -> None:
        if attrs.get("status") == EventStatus.CANCELLED:
            raise serializers.ValidationError({"status": "A new event is a draft or published."})
        if "ticket_types" not in attrs and len(shorthand) < len(_SHORTHAND):
            raise serializers.ValidationError(
                {"ticket_types": "Give ticket types, or `capacity` and `price`."}
            )


def _check_order(attrs: dict[str, Any], first: str, last: str) -> None:
    if ends_too_early(attrs.get(first), attrs.get(last)):
        raise serializers.ValidationError({last: f"This must be after `{first}`."})


class CatalogueQuery(serializers.Serializer[Any]):
    """How a visitor narrows the catalogue."""

    q = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="Words, or how they begin, of the name, venue, city or description."
        " Accents and case make no difference.",
    )
    city = serializers.CharField(max_length=100, required=False, allow_blank=True)
    period = serializers.ChoiceField(
        choices=[period.value for period in Period],
        required=False,
        help_text="`upcoming`: events that are not over, also those that run now. `past`: events"
        " that are over. Without it: `upcoming`, or `all` if `starts_after` or `starts_before` is"
        " in the past.",
    )
    starts_after = MomentField(required=False)
    starts_before = MomentField(required=False)
    ordering = serializers.ChoiceField(
        choices=["starts_at", "-starts_at", "name", "-name"], default="starts_at"
    )
