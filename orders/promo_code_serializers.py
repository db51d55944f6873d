"""Serializers of promo codes for their organizer."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from events.models import LARGEST_PER_ORDER, MOST_TICKET_TYPES
from orders.promo_code import LONGEST_PROMO_CODE, MOST_USES, PromoCode
from orders.promo_code_changes import CHANGEABLE
from orders.promo_uses import PromoUses, count_uses
from ticketing.api.fields import (
    LineField,
    MomentField,
    PercentField,
    PriceField,
    StrictSerializer,
    TextField,
    WholeNumberField,
    WordField,
    YesOrNoField,
    column_length,
)
from ticketing.clock import ends_too_early

_USES = "uses"


class PromoCodeChanged(StrictSerializer):
    """The changed members of a promo code. Its `code` never changes."""

    ignored = frozenset({"id", "code", "uses", "revenue", "created_at"})

    note = LineField(
        max_length=column_length(PromoCode, "note"),
        required=False,
        allow_blank=True,
        help_text="Your own words about it. Only you see them.",
    )
    percent = PercentField(
        required=False,
        allow_null=True,
        help_text="What each ticket costs less, in percent. The price is rounded half up to the"
        " cent. Not beside `amount`.",
    )
    amount = PriceField(
        required=False,
        allow_null=True,
        help_text="What each ticket costs less, but never less than zero. Not beside `percent`.",
    )
    max_uses = WholeNumberField(
        min_value=1,
        max_value=MOST_USES,
        required=False,
        allow_null=True,
        help_text="How many orders may have the code at once: reserved, being paid for, or paid."
        " null: any number.",
    )
    valid_from = MomentField(required=False, allow_null=True)
    valid_until = MomentField(required=False, allow_null=True)
    ticket_types = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MOST_TICKET_TYPES,
        help_text="Ids of the ticket types with the discount. Empty: all of them.",
    )
    unlocked_types = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        max_length=MOST_TICKET_TYPES,
        help_text="Ids of the hidden ticket types that a buyer with the code may reserve.",
    )
    min_tickets = WholeNumberField(min_value=1, max_value=LARGEST_PER_ORDER, required=False)
    max_tickets = WholeNumberField(
        min_value=1, max_value=LARGEST_PER_ORDER, required=False, allow_null=True
    )
    is_active = YesOrNoField(required=False, help_text="Nobody can use an inactive code.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        current = self.instance or PromoCode()
        terms = {name: getattr(current, name) for name in CHANGEABLE} | attrs
        if terms["percent"] is not None and terms["amount"] is not None:
            raise serializers.ValidationError(
                {"amount": "Send `percent` or `amount`, and null for the other one."},
                code="sent_beside_others",
            )
        if ends_too_early(terms["valid_from"], terms["valid_until"]):
            raise serializers.ValidationError(
                {"valid_until": "This must be after `valid_from`."}, code="out_of_order"
            )
        if terms["max_tickets"] is not None and terms["max_tickets"] < terms["min_tickets"]:
            raise serializers.ValidationError(
                {"max_tickets": "This must not be less than `min_tickets`."}, code="out_of_order"
            )
        return attrs


class PromoCodeSent(PromoCodeChanged):
    """A new promo code. Without `percent` and `amount` it only unlocks ticket types."""

    ignored = PromoCodeChanged.ignored - {"code"}

    code = WordField(
        r"^[A-Za-z0-9-]{3,32}$",
        words="Use 3 to 32 letters A-Z, digits and hyphens.",
        max_length=LONGEST_PROMO_CODE,
        help_text="It is stored in capitals. Buyers may write it in any case.",
    )

    def validate_code(self, code: str) -> str:
        return code.upper()


class PromoCodeShown(serializers.ModelSerializer[PromoCode]):
    """A promo code with its uses."""

    note = TextField()
    uses = serializers.SerializerMethodField(
        help_text="How many orders have the code: reserved, being paid for, or paid."
    )
    revenue = serializers.SerializerMethodField(
        help_text="What its paid orders brought, after the discount and without refunded tickets."
    )

    class Meta:
        model = PromoCode
        fields = [
            "id",
            "code",
            "note",
            "percent",
            "amount",
            "max_uses",
            "uses",
            "revenue",
            "valid_from",
            "valid_until",
            "ticket_types",
            "unlocked_types",
            "min_tickets",
            "max_tickets",
            "is_active",
            "created_at",
        ]

    def get_uses(self, promo: PromoCode) -> int:
        return self._uses_of(promo).orders

    def get_revenue(self, promo: PromoCode) -> str:
        return f"{self._uses_of(promo).revenue:.2f}"

    def _uses_of(self, promo: PromoCode) -> PromoUses:
        found: PromoUses = self.context[_USES].get(promo.pk, PromoUses())
        return found


def show_promo_codes(promos: Sequence[PromoCode]) -> list[dict[str, Any]]:
    """Return promo codes as JSON for their organizer, with their uses."""
    context = {_USES: count_uses([promo.pk for promo in promos])}
    return [dict(each) for each in PromoCodeShown(promos, many=True, context=context).data]


def show_promo_code(promo: PromoCode) -> dict[str, Any]:
    """Return one promo code as JSON for its organizer."""
    (shown,) = show_promo_codes([promo])
    return shown
