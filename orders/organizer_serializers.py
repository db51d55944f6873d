"""Serializers for organizers: queries of orders, orders with their refunds, refund requests."""

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

# The most tickets of one request. To refund more, send several requests or refund the whole order.
_MOST_REFUNDED = 1_000


class OrderForOrganizer(OrderShown):
    """An order for its organizer. `refunded` is the sum of all refunds, returned yet or not."""

    refunded = serializers.DecimalField(max_digits=12, decimal_places=2)

    class Meta(OrderShown.Meta):
        fields = [*OrderShown.Meta.fields, "refunded", "modified_at"]


class OrdersQuery(ChangesQuery):
    """Query parameters that filter the orders of an event."""

    # A changed order can stop matching these filters, so `modified_since` must not be used with
    # them: an order with a corrected email address, for example, no longer matches `q`.
    changeable_filters = ("status", "q")

    q = TextField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="An order's code, its customer's email, or a part of the customer's name.",
    )
    status = serializers.ListField(
        child=serializers.ChoiceField(choices=OrderStatus.choices),
        required=False,
        help_text="One status or several: `status=paid&status=refunded`. Not with"
        " `modified_since`.",
    )
    created_after = MomentField(
        required=False, help_text="Only orders created at that time or later."
    )
    created_before = MomentField(required=False, help_text="Only orders created before that time.")


class AllOrdersQuery(OrdersQuery):
    """Query parameters that filter the orders of all events of the caller's organizers."""

    allows_after_alone = True

    event = LineField(
        max_length=LONGEST_SLUG,
        required=False,
        help_text="Only orders of this event: its id or slug.",
    )
    code = LineField(max_length=8, required=False, help_text="The order with this code.")
    external_id = LineField(
        max_length=LONGEST_EXTERNAL_ID,
        required=False,
        help_text="Only orders that a shop reserved with this `external_id`.",
    )
    after = serializers.UUIDField(
        required=False,
        help_text="The last order of the previous page. The address in `next` contains it.",
    )


class RefundSent(StrictSerializer):
    """Either `full`, to refund all remaining tickets of the order, or the `tickets` to refund."""

    rules = {
        "if": has("tickets"),
        "then": has_values(full=False),
        "else": {**has("full"), **has_values(full=True)},
    }

    full = YesOrNoField(
        required=False,
        help_text="`true` refunds the whole order. Without it the whole order is never refunded.",
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
                {"full": 'Send either `{"full": true}` to refund the whole order, or `tickets`.'},
                code="one_of",
            )
        return attrs


def show_to_organizer(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """Return orders as JSON for their organizer."""
    serializer = OrderForOrganizer(orders, many=True, context={FOR_ORGANIZER: True})
    return [dict(each) for each in serializer.data]
