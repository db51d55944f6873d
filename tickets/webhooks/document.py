"""
The description of webhook messages for the OpenAPI document.

Functions of the database write the messages (`sql/announce.sql` and its callers). A test validates
every message against this description.
"""

from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import process_webhooks
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

from events.models import EventStatus
from orders.models import OrderStatus
from orders.serializers import EventNamed
from tickets.models import TicketStatus
from tickets.serializers import OrderNamed, TicketTypeNamed
from tickets.webhooks.models import Topic
from tickets.webhooks.sending import TEST

_Told = serializers.Serializer[Any]


class EventTold(_Told):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(EventStatus.choices)


class OrderTold(_Told):
    """The order, without personal data. Request the order from the API for the buyer's data."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    status = serializers.ChoiceField(OrderStatus.choices)
    event = EventNamed()
    currency = serializers.CharField()
    promo_code = serializers.CharField(allow_null=True)
    discount = serializers.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="What the promo code took off. The `total` is after the discount.",
    )
    total = serializers.DecimalField(max_digits=12, decimal_places=2)
    refunded = serializers.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="The total of all refunds of the order, paid out or not.",
    )
    reserved_until = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class TicketTold(_Told):
    """The ticket, without personal data. Request the ticket from the API for its holder."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(TicketStatus.choices)
    event = EventNamed()
    order = OrderNamed()
    ticket_type = TicketTypeNamed()
    created_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    replaced_by = serializers.UUIDField(
        allow_null=True, help_text="The id of the ticket that replaced this one."
    )


class TestTold(_Told):
    note = serializers.CharField()


def _message(kind: str, data: _Told) -> type[_Told]:
    """Return the serializer of all messages about one kind of object."""
    names = [topic for topic in (*Topic.values, TEST) if topic.startswith(f"{kind}.")]
    fields = {
        "type": serializers.ChoiceField(names),
        "timestamp": serializers.DateTimeField(help_text="When the change happened."),
        "data": data,
    }
    return type(f"{kind.title()}Message", (serializers.Serializer,), fields)


_MESSAGES: Final = {
    kind: _message(kind, data)
    for kind, data in {
        "event": EventTold(),
        "order": OrderTold(),
        "ticket": TicketTold(),
        "webhook": TestTold(),
    }.items()
}
_SUMMARIES: Final = {
    Topic.ORDER_RESERVED: "Tickets are held for a buyer until `reserved_until`.",
    Topic.ORDER_PAID: "The payment succeeded. One `ticket.issued` follows for each ticket.",
    Topic.ORDER_PAYMENT_FAILED: "The payment was declined. The tickets are back on sale.",
    Topic.ORDER_EXPIRED: "The buyer did not pay in time. The tickets are back on sale.",
    Topic.ORDER_CANCELLED: "The reservation was cancelled before it was paid.",
    Topic.ORDER_REFUNDED: "Tickets of the order were refunded. `refunded` is the total of all"
    " refunds of the order. While the order has tickets left, it stays `paid`.",
    Topic.TICKET_ISSUED: "The ticket was issued. It lets one person enter once.",
    Topic.TICKET_ADMITTED: "The ticket was used at the door.",
    Topic.TICKET_CHECKIN_UNDONE: "A supervisor undid the last `ticket.admitted`. The ticket is"
    " valid again.",
    Topic.TICKET_REVOKED: "The ticket is no longer valid: it was refunded, revoked or replaced.",
    Topic.EVENT_PUBLISHED: "The event is on sale, or will be when its sales start.",
    Topic.EVENT_UPDATED: "A published event or one of its ticket types was changed.",
    Topic.EVENT_CANCELLED: "The event was cancelled. One `order.refunded` follows for each paid"
    " order.",
    Topic.EVENT_SOLD_OUT: "The last ticket was sold. Refunds may put tickets back on sale.",
    TEST: "A user chose “Send a test” in the admin. Nothing has changed.",
}
_MOMENT: Final = "2027-01-10T23:58:12Z"
_EVENT: Final = {
    "id": "01998c6e-7b1c-7f50-9d0a-3b1d6f1f2c4e",
    "slug": "noite-de-jazz",
    "name": "Noite de Jazz",
}
_ORDER: Final = {"id": "01998c70-02aa-7c1e-8f5b-6a1f0d9e4b77", "code": "K7QX2M"}
_TICKET: Final = {
    "id": "01998c70-9c3d-7e02-b7a4-1c5e8f2a6d90",
    "event": _EVENT,
    "order": _ORDER,
    "ticket_type": {"id": "01998c6e-7b1d-7a3c-a1e9-5d2b7c8f0e11", "name": "Pista"},
    "created_at": _MOMENT,
    "used_at": None,
    "revoked_at": None,
    "replaced_by": None,
}
_SALE: Final = {
    **_ORDER,
    "event": _EVENT,
    "currency": "BRL",
    "promo_code": None,
    "discount": "0.00",
    "total": "240.00",
    "refunded": "0.00",
    "reserved_until": _MOMENT,
    "created_at": _MOMENT,
    "paid_at": None,
    "closed_at": None,
}
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    Topic.ORDER_RESERVED: {**_SALE, "status": "reserved"},
    Topic.ORDER_PAID: {**_SALE, "status": "paid", "paid_at": _MOMENT},
    Topic.ORDER_PAYMENT_FAILED: {**_SALE, "status": "payment_failed", "closed_at": _MOMENT},
    Topic.ORDER_EXPIRED: {**_SALE, "status": "expired", "closed_at": _MOMENT},
    Topic.ORDER_CANCELLED: {**_SALE, "status": "cancelled", "closed_at": _MOMENT},
    Topic.ORDER_REFUNDED: {
        **_SALE,
        "status": "refunded",
        "refunded": "240.00",
        "paid_at": _MOMENT,
        "closed_at": _MOMENT,
    },
    Topic.TICKET_ISSUED: {**_TICKET, "status": "valid"},
    Topic.TICKET_ADMITTED: {**_TICKET, "status": "used", "used_at": _MOMENT},
    Topic.TICKET_CHECKIN_UNDONE: {**_TICKET, "status": "valid"},
    Topic.TICKET_REVOKED: {**_TICKET, "status": "revoked", "revoked_at": _MOMENT},
    Topic.EVENT_PUBLISHED: {**_EVENT, "status": "published"},
    Topic.EVENT_UPDATED: {**_EVENT, "status": "published"},
    Topic.EVENT_CANCELLED: {**_EVENT, "status": "cancelled"},
    Topic.EVENT_SOLD_OUT: {**_EVENT, "status": "published"},
    TEST: {"note": "Nothing has happened. This is a test."},
}
_HEADERS: Final = {
    "webhook-id": "The id of the message, the same at each attempt. Store it, and ignore a message"
    " whose id you have already processed.",
    "webhook-timestamp": "The Unix time of this attempt in seconds.",
    "webhook-signature": "`v1,` and the Base64 of an HMAC-SHA256 over the id, the timestamp and the"
    " body, joined by dots. For a day after the secret was renewed there are two signatures,"
    " separated by a space: one by the new secret and one by the old secret.",
}
_RESPONSES: Final = {
    "2XX": OpenApiResponse(
        description="The message was accepted. After any other response, or none within five"
        " seconds, the request is retried: ten attempts in a little over three days. Redirects are"
        " not followed."
    ),
    "410": OpenApiResponse(description="Switch this webhook off: send no more messages to it."),
}


def describe_webhooks(
    result: dict[str, Any], generator: SchemaGenerator, **_: Any
) -> dict[str, Any]:
    """
    Add the webhooks to the OpenAPI document.

    This is a postprocessing hook of drf-spectacular. It must run before the hook for enums.
    """
    webhooks = process_webhooks(
        [_describe(topic, summary) for topic, summary in _SUMMARIES.items()], generator.registry
    )
    for described in webhooks.values():
        # Our requests have no token. The receiver authenticates them by the signature.
        described["post"]["security"] = []
        described["post"]["parameters"] = [
            {
                "in": "header",
                "name": name,
                "required": True,
                "description": description,
                "schema": {"type": "string"},
            }
            for name, description in _HEADERS.items()
        ]
    return {**result, "webhooks": webhooks, "components": generator.registry.build({})}


def _describe(topic: str, summary: str) -> OpenApiWebhook:
    kind = topic.partition(".")[0]
    return OpenApiWebhook(
        str(topic),
        extend_schema(
            operation_id=f"notify_{topic.replace('.', '_')}",
            summary=summary,
            tags=["webhooks"],
            request=_MESSAGES[kind],
            responses=_RESPONSES,
            examples=[
                OpenApiExample(
                    str(topic),
                    value={"type": topic, "timestamp": _MOMENT, "data": _EXAMPLES[topic]},
                )
            ],
        ),
    )
