"""Orders as JSON for their organizer: what it asks for, and what it is shown."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from orders.models import Order, OrderStatus
from orders.serializers import FOR_ORGANIZER, OrderShown
from ticketing.api.fields import LineField, MomentField, StrictSerializer, TextField, YesOrNoField
from ticketing.api.metadata import LONGEST_EXTERNAL_ID
from ticketing.api.pagination import ChangesQuery
from ticketing.api.rules import has, has_values
from ticketing.text import LONGEST_SLUG

# Of one request; whoever has more asks twice, or refunds the whole order.
_MOST_REFUNDED = 1_000


class OrderForOrganizer(OrderShown):
    """An order as its organizer sees it. `refunded` is what the buyer gets back, or has got."""

    refunded = serializers.DecimalField(max_digits=12, decimal_places=2)

    class Meta(OrderShown.Meta):
        fields = [*OrderShown.Meta.fields, "refunded", "modified_at"]


class OrdersQuery(ChangesQuery):
    """How an organizer narrows the orders of an event."""

    # A corrected address, too, makes an order cease to fit.
    changeable_filters = ("status", "q")

    q = TextField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="An order's code, its customer's email, or part of his name.",
    )
    status = serializers.ListField(
        child=serializers.ChoiceField(choices=OrderStatus.choices),
        required=False,
        help_text="One or several: `status=paid&status=refunded`. Not with `modified_since`.",
    )
    created_after = MomentField(required=False, help_text="Only orders made then or later.")
    created_before = MomentField(required=False, help_text="Only orders made before then.")


class AllOrdersQuery(OrdersQuery):
    """How an organizer narrows the orders of all its events."""

    allows_after_alone = True

    event = LineField(
        max_length=LONGEST_SLUG, required=False, help_text="Only of that event: id or slug."
    )
    code = LineField(max_length=8, required=False, help_text="The order with this code.")
    external_id = LineField(
        max_length=LONGEST_EXTERNAL_ID,
        required=False,
        help_text="Only orders that the shop reserved under this `external_id`.",
    )
    after = serializers.UUIDField(
        required=False, help_text="Set by `next`: the order to go on after."
    )


class RefundSent(StrictSerializer):
    """Either `full`, for all that is left of the order, or the `tickets` to refund."""

    rules = {
        "if": has("tickets"),
        "then": has_values(full=False),
        "else": {**has("full"), **has_values(full=True)},
    }

    full = YesOrNoField(
        required=False, help_text="`true` for the whole order. A body without it never means that."
    )
    tickets = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        allow_empty=False,
        max_length=_MOST_REFUNDED,
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("full", False) == ("tickets" in attrs):
            raise serializers.ValidationError(
                {"full": 'Send `{"full": true}` to refund the whole order, or `tickets`.'},
                code="one_of",
            )
        return attrs


def show_to_organizer(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Return orders as their organizer sees them."""
    shown = OrderForOrganizer(orders, many=True, context={FOR_ORGANIZER: True})
    return [dict(each) for each in shown.data]
