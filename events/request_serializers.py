"""Serializers of requests: events that organizers send, and the query of `GET /events`."""

from typing import Any

from rest_framework import serializers

from events.catalogue import Period
from events.models import (
    LARGEST_CAPACITY,
    LARGEST_PER_ORDER,
    MOST_TICKET_TYPES,
    Event,
    EventStatus,
    Reentry,
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

# An organizer may send these instead of `ticket_types`, for an event with one ticket type.
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
    is_hidden = YesOrNoField(
        required=False,
        help_text="Whether buyers need a promo code that unlocks it to see and buy it.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        _check_order(attrs, "sales_start_at", "sales_end_at")
        return attrs


class TicketTypeChanged(TicketTypeSent):
    """Changed members of the ticket type with this `id` or `name`, or all members of a new one."""

    rules = {"if": lacks("id"), "then": has("name")}

    name = LineField(max_length=column_length(TicketType, "name"), required=False)
    price = PriceField(required=False)
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY, required=False)


class EventSent(StrictSerializer):
    """
    An event, as an organizer describes it.

    An event with one ticket type may have `capacity` and `price` instead of `ticket_types`.
    """

    ignored = frozenset({"id", "available", "sold_out", "cancellation_note"})
    rules = {"if": has("ticket_types"), "then": has_none(*_SHORTHAND)}

    slug = WordField(
        r"^[a-z0-9]+(-[a-z0-9]+)*$",
        words="Use a-z, 0-9 and single hyphens.",
        max_length=LONGEST_SLUG,
        required=False,
        help_text="The last part of the event's address. It must not look like an id.",
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
        allow_null=True,
        required=False,
        help_text="Check-in is refused before this time. Null: check-in starts at any time.",
    )
    checkin_ends_at = MomentField(
        allow_null=True,
        required=False,
        help_text="Check-in is refused from this time on. Null: check-in never ends.",
    )
    reentry = serializers.ChoiceField(
        choices=Reentry.choices,
        required=False,
        help_text="Whether a ticket lets its holder in again: `never`, `always` (after a scan at"
        " the exit), or `once_a_day` (one entry on each day in the event's time zone).",
    )
    confirm_first = YesOrNoField(
        required=False,
        help_text="Whether the scanner waits for a tap after each ticket before it scans on.",
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
        help_text="Whether the buyer of a free order must confirm the email address, by a link in a"
        " mail, before the order is processed.",
    )
    image_url = WebAddressField(
        max_length=column_length(Event, "image_url"), allow_null=True, required=False
    )
    currency = WordField(
        r"^[A-Z]{3}$", words="Give three letters of ISO 4217, such as BRL.", required=False
    )
    capacity = WholeNumberField(min_value=1, max_value=LARGEST_CAPACITY, required=False)
    price = PriceField(required=False)
    ticket_types = TicketTypeSent(  # type: ignore[call-arg]  # arguments of ListSerializer
        many=True, required=False, allow_empty=False, max_length=MOST_TICKET_TYPES
    )
    organizer = serializers.UUIDField(required=False)
    external_id = ExternalIdField()
    metadata = MetadataField()

    def validate_slug(self, slug: str) -> str:
        for validator in Event._meta.get_field("slug").validators:  # noqa: SLF001 - Django documents it
            validator(slug)
        return slug

    def validate_external_id(self, external_id: str | None) -> str:
        return external_id or ""

    notify_buyers = serializers.BooleanField(
        required=False,
        default=True,
        help_text="Whether the buyers of a published event get a mail if its date or place changes."
        " Without this member they do.",
    )

    def validate_image_url(self, url: str | None) -> str:
        return url or ""

    def validate_ticket_types(self, kinds: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [kind["name"] for kind in kinds if "name" in kind]
        if len(names) != len(set(names)):
            raise serializers.ValidationError("Each ticket type needs a name of its own.")
        return kinds

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        current: Event | None = self.instance
        moments = {
            name: attrs.get(name, getattr(current, name, None))
            for name in (
                "starts_at",
                "ends_at",
                "sales_start_at",
                "sales_end_at",
                "checkin_starts_at",
                "checkin_ends_at",
            )
        }
        _check_order(moments, "starts_at", "ends_at")
        _check_order(moments, "sales_start_at", "sales_end_at")
        _check_order(moments, "checkin_starts_at", "checkin_ends_at")
        shorthand = [name for name in _SHORTHAND if name in attrs]
        if shorthand and "ticket_types" in attrs:
            raise serializers.ValidationError({shorthand[0]: "Send either this or `ticket_types`."})
        self._check_new_kinds(attrs.get("ticket_types", []))
        return attrs

    def _check_new_kinds(self, kinds: list[dict[str, Any]]) -> None:
        """Refuse a new ticket type with missing members. A change of a type may leave them out."""
        current: Event | None = self.instance
        names = {kind.name for kind in current.ticket_types.all()} if current else set()
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
    """A new event, with `ticket_types`, or with `capacity` and `price` of its only ticket type."""

    notify_buyers = None  # type: ignore[assignment]  # removes the field: there are no buyers

    rules = {**EventSent.rules, "else": has(*_SHORTHAND)}

    status = serializers.ChoiceField(
        choices=[EventStatus.DRAFT.value, EventStatus.PUBLISHED.value], required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if "ticket_types" not in attrs and any(name not in attrs for name in _SHORTHAND):
            raise serializers.ValidationError(
                {"ticket_types": "Send `ticket_types`, or `capacity` and `price`."}
            )
        return attrs


class EventChanged(EventSent):
    """The changed members of an event."""

    ticket_types = TicketTypeChanged(  # type: ignore[call-arg]  # arguments of ListSerializer
        many=True, required=False, allow_empty=False, max_length=MOST_TICKET_TYPES
    )
    cancellation_note = TextField(
        max_length=column_length(Event, "cancellation_note"),
        required=False,
        allow_blank=True,
        allow_null=True,
        help_text="A sentence for the mails to the buyers, with `status` `cancelled`. It is ignored"
        " with another status.",
    )

    def validate_cancellation_note(self, note: str | None) -> str:
        return note or ""


def _check_order(attrs: dict[str, Any], first: str, last: str) -> None:
    if ends_too_early(attrs.get(first), attrs.get(last)):
        raise serializers.ValidationError(
            {last: f"This must be after `{first}`."}, code="out_of_order"
        )


class CatalogueQuery(serializers.Serializer[Any]):
    """The query of `GET /events`: filters of the catalogue, or an organizer's `external_id`."""

    external_id = LineField(
        max_length=LONGEST_EXTERNAL_ID,
        required=False,
        help_text="Only your own events with this `external_id`, including drafts and past events."
        " This needs a token with `events:write`. Do not send it with other filters.",
    )

    q = SearchField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="Words, or beginnings of words, of the name, venue, city or description. All of"
        " them must match; accents and case make no difference. Send at least two letters or digits"
        " in a row; single letters are ignored.",
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
        help_text="`upcoming`: events that have not ended, including those that run now. `past`:"
        " events that have ended. Default: `upcoming`, or `all` if `starts_after` or"
        " `starts_before` is in the past.",
    )
    starts_after = MomentField(
        required=False, help_text="Only events that start at this time or later."
    )
    starts_before = MomentField(
        required=False, help_text="Only events that start before this time."
    )
    ordering = serializers.ChoiceField(
        choices=["starts_at", "-starts_at", "name", "-name"],
        default="starts_at",
        help_text="The order of the list. A minus sign reverses it.",
    )
