"""Orders as JSON: what a buyer sends, and what we show."""

from typing import Any

from rest_framework import serializers

from orders.models import Order, OrderItem, Payment, PaymentMethod
from ticketing.api.fields import LineField, StrictSerializer, WholeNumberField

# Past any organizer's limit, and short of what a counter can hold.
_LARGEST_QUANTITY = 10_000
_MOST_ITEMS = 50


class CustomerSent(StrictSerializer):
    name = LineField(max_length=200)
    email = serializers.EmailField(max_length=254)


class WantedTicketsSent(StrictSerializer):
    ticket_type = serializers.UUIDField()
    quantity = WholeNumberField(min_value=1, max_value=_LARGEST_QUANTITY)


class ReservationSent(StrictSerializer):
    """`quantity` serves an event with one ticket type; `items` any."""

    event = LineField(max_length=80)
    quantity = WholeNumberField(min_value=1, max_value=_LARGEST_QUANTITY, required=False)
    items = WantedTicketsSent(  # type: ignore[call-arg]  # of the list that `many` makes
        many=True, allow_empty=False, max_length=_MOST_ITEMS, required=False
    )
    customer = CustomerSent()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("quantity" in attrs) == ("items" in attrs):
            raise serializers.ValidationError(
                {"items": "Give either `quantity` or `items`."}, code="one_of"
            )
        kinds = [item["ticket_type"] for item in attrs.get("items", [])]
        if len(kinds) != len(set(kinds)):
            raise serializers.ValidationError({"items": "Name each ticket type once."})
        return attrs


class PaymentSent(StrictSerializer):
    """How the buyer pays. A free order needs no token."""

    method = serializers.ChoiceField(choices=PaymentMethod.choices)
    token = LineField(max_length=200, required=False, allow_blank=True)


class OrderItemShown(serializers.ModelSerializer[OrderItem]):
    name = serializers.CharField(source="ticket_type.name")

    class Meta:
        model = OrderItem
        fields = ["ticket_type", "name", "quantity", "unit_price"]


class PaymentShown(serializers.ModelSerializer[Payment]):
    decline_code = serializers.SerializerMethodField()

    class Meta:
        model = Payment
        fields = ["method", "status", "decline_code", "created_at"]

    def get_decline_code(self, payment: Payment) -> str | None:
        return payment.decline_code or None


class EventNamed(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class CustomerShown(serializers.Serializer[Any]):
    name = serializers.CharField(source="customer_name")
    email = serializers.CharField(source="customer_email")


class OrderShown(serializers.ModelSerializer[Order]):
    event = EventNamed()
    customer = CustomerShown(source="*")
    items = OrderItemShown(many=True)
    payment = serializers.SerializerMethodField()
    tickets_ready = serializers.SerializerMethodField()

    class Meta:
        model = Order
        fields = [
            "id",
            "code",
            "status",
            "event",
            "customer",
            "currency",
            "total",
            "items",
            "reserved_until",
            "created_at",
            "paid_at",
            "payment",
            "tickets_ready",
        ]

    def get_payment(self, order: Order) -> dict[str, Any] | None:
        payment = getattr(order, "payment", None)
        return dict(PaymentShown(payment).data) if payment else None

    def get_tickets_ready(self, order: Order) -> bool:
        delivery = getattr(order, "delivery", None)
        return bool(delivery and delivery.codes_stored_at)


class ReservedOrderShown(OrderShown):
    """An order on the day it was made: the only time that its token is told."""

    access_token = serializers.SerializerMethodField()

    class Meta(OrderShown.Meta):
        fields = [*OrderShown.Meta.fields, "access_token"]

    def get_access_token(self, order: Order) -> str:
        return str(self.context["token"])
