"""Serializers of orders: requests of buyers and shops, and the orders in responses."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orders.consent_record import Consent
from orders.insertion import Reservation
from orders.models import Order, OrderItem, OrderStatus, Payment
from orders.pricing import discount_of
from orders.promo_code import LONGEST_PROMO_CODE
from orders.shop_record import ShopRecord
from ticketing.api.fields import (
    AddressField,
    LineField,
    NameField,
    StrictSerializer,
    WholeNumberField,
    show_moment,
)
from ticketing.api.metadata import ExternalIdField, MetadataField
from ticketing.api.rules import has, has_none
from ticketing.text import LONGEST_SLUG

# More than any organizer's limit, and less than the columns and counters can hold.
LARGEST_QUANTITY = 10_000
MOST_ITEMS = 50
LONGEST_PROOF = 2_000
_WAITING, _CONFIRMED = "waiting", "confirmed"
FOR_ORGANIZER = "for_organizer"


class PromoTextField(LineField):
    """A promo code as a buyer types it, in any case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            max_length=LONGEST_PROMO_CODE,
            help_text="A promo code of the event. Its case makes no difference.",
            **options,
        )


class CustomerSent(StrictSerializer):
    name = NameField()
    email = AddressField(
        help_text="The domain is stored and returned in its ASCII form: `xn--mnchen-3ya.de`."
        " Quoted local parts and letters beyond ASCII before the @ are refused."
    )


class WantedTicketsSent(StrictSerializer):
    ticket_type = serializers.UUIDField()
    quantity = WholeNumberField(min_value=1, max_value=LARGEST_QUANTITY)


class ReservationSent(StrictSerializer):
    """Either `quantity`, if the event has only one ticket type, or `items`."""

    rules = {
        "if": has("items"),
        "then": has_none("quantity"),
        "else": has("quantity"),
    }

    event = LineField(max_length=LONGEST_SLUG)
    quantity = WholeNumberField(min_value=1, max_value=LARGEST_QUANTITY, required=False)
    items = WantedTicketsSent(  # type: ignore[call-arg]  # of the list that `many` makes
        many=True, allow_empty=False, max_length=MOST_ITEMS, required=False
    )
    customer = CustomerSent()
    proof_of_work = LineField(
        max_length=LONGEST_PROOF,
        required=False,
        help_text="The solved challenge, as base64 of ALTCHA's JSON. Needed if the event requires"
        " a proof of work.",
    )

    promo_code = PromoTextField(required=False)
    external_id = ExternalIdField()
    metadata = MetadataField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("quantity" in attrs) == ("items" in attrs):
            raise serializers.ValidationError(
                {"items": "Send either `quantity` or `items`."}, code="one_of"
            )
        kinds = [item["ticket_type"] for item in attrs.get("items", [])]
        if len(kinds) != len(set(kinds)):
            raise serializers.ValidationError(
                {"items": "Each ticket type may be in `items` only once."}
            )
        return attrs


class OrderItemShown(serializers.ModelSerializer[OrderItem]):
    name = serializers.CharField(source="ticket_type.name")
    unit_price = serializers.DecimalField(
        max_digits=10, decimal_places=2, help_text="What the buyer pays for each ticket."
    )
    list_price = serializers.DecimalField(
        source="full_price",
        max_digits=10,
        decimal_places=2,
        help_text="The price of each ticket without the promo code.",
    )

    class Meta:
        model = OrderItem
        fields = ["ticket_type", "name", "quantity", "unit_price", "list_price"]


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
    """The current state of an order."""

    event = EventNamed()
    customer = CustomerShown(source="*")
    items = OrderItemShown(many=True)
    total = serializers.DecimalField(
        max_digits=12, decimal_places=2, help_text="What the buyer pays, after the discount."
    )
    promo_code = serializers.SerializerMethodField(
        help_text="The promo code that the order uses. null if it has none."
    )
    discount = serializers.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="What the promo code has taken off the list prices of all items.",
    )
    payment = serializers.SerializerMethodField()
    email_confirmation = serializers.SerializerMethodField(
        help_text="For a free order: `waiting` until the buyer opens the mailed link and confirms,"
        " then `confirmed`. null if no confirmation was requested, or the order ended without one."
    )
    accepted_terms = serializers.SerializerMethodField(
        help_text="The version of the organizer's terms that the buyer has accepted with the"
        " payment. null if none."
    )
    marketing_consent = serializers.SerializerMethodField(
        help_text="Whether the buyer agrees to mails about other events of the organizer. For the"
        " organizer it is false until the order is paid: anybody can reserve with somebody else's"
        " address."
    )
    tickets_ready = serializers.SerializerMethodField()
    external_id = serializers.SerializerMethodField(
        help_text="The shop's own id of the order. null for every caller but the organizer."
    )
    metadata = serializers.SerializerMethodField(
        help_text="What the shop stored with the order. Empty for every caller but the organizer."
    )

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
            "promo_code",
            "discount",
            "items",
            "reserved_until",
            "created_at",
            "paid_at",
            "payment",
            "email_confirmation",
            "accepted_terms",
            "marketing_consent",
            "tickets_ready",
            "external_id",
            "metadata",
        ]

    def get_promo_code(self, order: Order) -> str | None:
        return order.promo_text or None

    @extend_schema_field(PaymentShown(allow_null=True))
    def get_payment(self, order: Order) -> dict[str, Any] | None:
        payment = getattr(order, "payment", None)
        return dict(PaymentShown(payment).data) if payment else None

    @extend_schema_field({"type": ["string", "null"], "enum": [_WAITING, _CONFIRMED, None]})
    def get_email_confirmation(self, order: Order) -> str | None:
        confirmation = getattr(order, "confirmation", None)
        if confirmation is None:
            return None
        if confirmation.confirmed_at is not None:
            return _CONFIRMED
        return _WAITING if order.status == OrderStatus.RESERVED else None

    def get_accepted_terms(self, order: Order) -> int | None:
        consent: Consent | None = getattr(order, "consent", None)
        return consent.terms.number if consent and consent.terms and consent.accepted_at else None

    def get_marketing_consent(self, order: Order) -> bool:
        consent: Consent | None = getattr(order, "consent", None)
        if consent is None:
            return False
        return consent.takes_news if self._is_for_organizer() else consent.agrees_to_news

    def get_tickets_ready(self, order: Order) -> bool:
        delivery = getattr(order, "delivery", None)
        return bool(delivery and delivery.codes_stored_at)

    def get_external_id(self, order: Order) -> str | None:
        record = self._record_of(order)
        return (record.external_id or None) if record else None

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
    def get_metadata(self, order: Order) -> dict[str, str]:
        record = self._record_of(order)
        return dict(record.metadata) if record else {}

    def _record_of(self, order: Order) -> ShopRecord | None:
        # Only for the organizer.
        record: ShopRecord | None = getattr(order, "shop_record", None)
        return record if self._is_for_organizer() else None

    def _is_for_organizer(self) -> bool:
        # The view says so in the context.
        return bool(self.context.get(FOR_ORGANIZER))


class ReservedOrderShown(OrderShown):
    """The new order. Store its `access_token`: reading the order does not show it."""

    access_token = serializers.CharField()

    class Meta(OrderShown.Meta):
        fields = [*OrderShown.Meta.fields, "access_token"]


def show_reservation(reservation: Reservation) -> dict[str, Any]:
    """Return a new order as JSON, as `ReservedOrderShown` describes it, without a query."""
    event, customer = reservation.event, reservation.customer
    return {
        "id": str(reservation.order_id),
        "code": reservation.code,
        "status": OrderStatus.RESERVED.value,
        "event": {"id": str(event.pk), "slug": event.slug, "name": event.name},
        "customer": {"name": customer.name, "email": customer.email},
        "currency": event.currency,
        "total": f"{reservation.total:.2f}",
        "promo_code": reservation.promo.code if reservation.promo else None,
        "discount": f"{discount_of(reservation.items):.2f}",
        "items": [
            {
                "ticket_type": str(item.ticket_type.pk),
                "name": item.ticket_type.name,
                "quantity": item.quantity,
                "unit_price": f"{item.unit_price:.2f}",
                "list_price": f"{item.ticket_type.price:.2f}",
            }
            for item in reservation.items
        ],
        "reserved_until": show_moment(reservation.reserved_until),
        "created_at": show_moment(reservation.created_at),
        "paid_at": None,
        "payment": None,
        "email_confirmation": None,
        "accepted_terms": None,
        "marketing_consent": False,
        "tickets_ready": False,
        "external_id": (reservation.shop.external_id or None) if reservation.shop else None,
        "metadata": dict(reservation.shop.metadata) if reservation.shop else {},
        "access_token": reservation.token.text,
    }


def show_order(order: Order, *, for_organizer: bool = False) -> dict[str, Any]:
    """Return an order as JSON, read from the database again."""
    orders = Order.objects.select_related(
        "event", "payment", "confirmation", "delivery", "shop_record", "consent__terms"
    )
    found = orders.prefetch_related("items__ticket_type").get(pk=order.pk)
    return show_found_order(found, for_organizer=for_organizer)


def show_found_order(order: Order, *, for_organizer: bool) -> dict[str, Any]:
    """Return an order as JSON for its buyer or its organizer. It must have been read just now."""
    return dict(OrderShown(order, context={FOR_ORGANIZER: for_organizer}).data)
