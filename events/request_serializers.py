"""What organizers send of events, and visitors ask of the catalogue, as JSON."""

from typing import Any

from rest_framework import serializers

from events.catalogue import Period
from events.models import (
    LARGEST_CAPACITY,
    LARGEST_PER_ORDER,
    MOST_TICKET_TYPES,
    Event,
    EventStatus,
    TicketType,
)
from ticketing.api.fields import (
    LineField,
    MomentField,
    PriceField,
    SearchField,
    StrictSerializer,
    TextField,
    TimeZoneField,
    WebAddressField,
    WholeNumberField,
    WordField,
    YesOrNoField,
    column_length,
)
from ticketing.api.metadata import LONGEST_EXTERNAL_ID, ExternalIdField, MetadataField
from ticketing.api.rules import has, has_none, lacks
from ticketing.clock import ends_too_early
from ticketing.text import LONGEST_SLUG

_SHORTHAND = ("capacity", "price")


class TicketTypeSent(StrictSerializer):
    """One kind of ticket, as an organizer describes it."""

    ignored = frozenset({"available"})

    id = serializers.UUIDField(required=False)
    name = LineField(max_length=column_length(TicketType, "name"))
    price = PriceField()
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY)
    sales_start_at = MomentField(allow_null=True, required=False)
    sales_end_at = MomentField(allow_null=True, required=False)
    max_per_order = WholeNumberField(
        min_value=1, max_value=LARGEST_PER_ORDER, allow_null=True, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _check_order(attrs, "sales_start_at", "sales_end_at")
        return attrs


class TicketTypeChanged(TicketTypeSent):
    """What changes of a ticket type, which `id` or `name` says; or all of a new one."""

    rules = {"if": lacks("id"), "then": has("name")}

    name = LineField(max_length=column_length(TicketType, "name"), required=False)
    price = PriceField(required=False)
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY, required=False)


class EventSent(StrictSerializer):
    """An event, as an organizer describes it. `capacity` and `price` stand for one ticket type."""

    ignored = frozenset({"id", "available", "sold_out"})
    rules = {"if": has("ticket_types"), "then": has_none(*_SHORTHAND)}

    slug = WordField(
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        words="Use a-z, 0-9 and single hyphens.",
        max_length=LONGEST_SLUG,
        required=False,
        help_text="Not in the form of an id.",
    )
    name = LineField(max_length=column_length(Event, "name"))
    description = TextField(
        max_length=column_length(Event, "description"),
        required=False,
        allow_blank=True,
        trim_whitespace=False,
    )
    status = serializers.ChoiceField(choices=EventStatus.choices, required=False)
    venue = LineField(max_length=column_length(Event, "venue"))
    address = LineField(
        max_length=column_length(Event, "address"), required=False, allow_blank=True
    )
    city = LineField(max_length=column_length(Event, "city"))
    timezone = TimeZoneField(required=False)
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
    max_per_order = WholeNumberField(min_value=1, max_value=LARGEST_PER_ORDER, required=False)
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
    image_url = WebAddressField(
        max_length=column_length(Event, "image_url"), allow_null=True, required=False
    )
    currency = WordField(
        r"^[A-Z]{3}$", words="Give three letters of ISO 4217, such as BRL.", required=False
    )
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY, required=False)
    price = PriceField(required=False)
    ticket_types = TicketTypeSent(  # type: ignore[call-arg]  # of the list that `many` makes
        many=True, required=False, allow_empty=False, max_length=MOST_TICKET_TYPES
    )
    organizer = serializers.UUIDField(required=False)
    external_id = ExternalIdField()
    metadata = MetadataField()

    def validate_slug(self, slug: str) -> str:
        for validator in Event._meta.get_field("slug").validators:  # noqa: SLF001 - public in all but name
            validator(slug)
        return slug

    def validate_external_id(self, external_id: str | None) -> str:
        return external_id or ""

    def validate_image_url(self, url: str | None) -> str:
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


class NewEventSent(EventSent):
    """A new event. It has `ticket_types`, or `capacity` and `price` for a single one."""

    rules = {**EventSent.rules, "else": has(*_SHORTHAND)}

    status = serializers.ChoiceField(
        choices=[EventStatus.DRAFT.value, EventStatus.PUBLISHED.value], required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "ticket_types" not in attrs and any(name not in attrs for name in _SHORTHAND):
            raise serializers.ValidationError(
                {"ticket_types": "Give ticket types, or `capacity` and `price`."}
            )
        return attrs


class EventChanged(EventSent):
    """What changes of an event."""

    ticket_types = TicketTypeChanged(  # type: ignore[call-arg]  # of the list that `many` makes
        many=True, required=False, allow_empty=False, max_length=MOST_TICKET_TYPES
    )


def _check_order(attrs: dict[str, Any], first: str, last: str) -> None:
    if ends_too_early(attrs.get(first), attrs.get(last)):
        raise serializers.ValidationError(
            {last: f"This must be after `{first}`."}, code="out_of_order"
        )


class CatalogueQuery(serializers.Serializer[Any]):
    """How a visitor narrows the catalogue, and an organizer finds an event of its own."""

    external_id = LineField(
        max_length=LONGEST_EXTERNAL_ID,
        required=False,
        help_text="Your own events of this `external_id`, drafts and past ones too. It needs a"
        " token with `events:write`, and stands alone.",
    )

    q = SearchField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="Words, or how they begin, of the name, venue, city or description. Accents and"
        " case make no difference. At least two letters or digits in a row; a letter alone is no"
        " word.",
    )
    city = TextField(
        max_length=column_length(Event, "city"),
        required=False,
        allow_blank=True,
        help_text="Only events in this city. Case makes no difference.",
    )
    period = serializers.ChoiceField(
        choices=[period.value for period in Period],
        required=False,
        help_text="`upcoming`: events that are not over, also those that run now. `past`: events"
        " that are over. Without it: `upcoming`, or `all` if `starts_after` or `starts_before` is"
        " in the past.",
    )
    starts_after = MomentField(required=False, help_text="Only events that start then or later.")
    starts_before = MomentField(required=False, help_text="Only events that start before then.")
    ordering = serializers.ChoiceField(
        choices=["starts_at", "-starts_at", "name", "-name"],
        default="starts_at",
        help_text="By what the list is sorted; with a minus sign, the other way round.",
    )
