"""
What organizers' own systems are told, as the document of the API has it.

The database writes it, in the transaction of its cause (see the migrations `webhooks`,
`announce_orders`, `announce_refunds` and `announce_tickets`); a test holds every message against
this.
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
    """No personal data: who needs the buyer asks for the order."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    status = serializers.ChoiceField(OrderStatus.choices)
    event = EventNamed()
    currency = serializers.CharField()
    total = serializers.DecimalField(max_digits=12, decimal_places=2)
    refunded = serializers.DecimalField(
        max_digits=12, decimal_places=2, help_text="What the buyer gets back, or has got, in all."
    )
    reserved_until = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class TicketTold(_Told):
    """No personal data: who needs the holder asks for the ticket."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(TicketStatus.choices)
    event = EventNamed()
    order = OrderNamed()
    ticket_type = TicketTypeNamed()
    created_at = serializers.DateTimeField()
    used_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    replaced_by = serializers.UUIDField(allow_null=True, help_text="The ticket in its place.")


class TestTold(_Told):
    note = serializers.CharField()


def _message(kind: str, data: _Told) -> type[_Told]:
    """Return the form of every message about one kind of thing."""
    names = [topic for topic in (*Topic.values, TEST) if topic.startswith(f"{kind}.")]
    fields = {
        "type": serializers.ChoiceField(names),
        "timestamp": serializers.DateTimeField(help_text="When it happened."),
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
_WHEN: Final = {
    Topic.ORDER_RESERVED: "Tickets are held for a buyer until `reserved_until`.",
    Topic.ORDER_PAID: "The money was taken. One `ticket.issued` a ticket follows.",
    Topic.ORDER_PAYMENT_FAILED: "The payment was declined. The tickets are back on sale.",
    Topic.ORDER_EXPIRED: "Nobody paid in time. The tickets are back on sale.",
    Topic.ORDER_CANCELLED: "The buyer gave the tickets back before paying.",
    Topic.ORDER_REFUNDED: "Tickets were taken back, and `refunded` is what the buyer gets for all"
    " that ever were. While some are left, the order stays `paid`.",
    Topic.TICKET_ISSUED: "One person may enter.",
    Topic.TICKET_ADMITTED: "The ticket was used at the door.",
    Topic.TICKET_CHECKIN_UNDONE: "A supervisor undid the last `ticket.admitted`. The ticket is"
    " valid again.",
    Topic.TICKET_REVOKED: "The ticket opens no door any more: it was refunded, revoked or"
    " replaced.",
    Topic.EVENT_PUBLISHED: "The event is on sale, or will be when its sales start.",
    Topic.EVENT_UPDATED: "Something of a published event was changed, or of its ticket types.",
    Topic.EVENT_CANCELLED: "The event will not take place. Refunds follow, one"
    " `order.refunded` an order.",
    Topic.EVENT_SOLD_OUT: "The last ticket was sold. A refund may bring some back.",
    TEST: "Somebody pressed “Send a test” in the admin.",
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
    "webhook-id": "The message's id, the same at each attempt. Keep it: what comes again with it"
    " was told before.",
    "webhook-timestamp": "When this attempt was made, in seconds of Unix time.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in Base64, of id, timestamp and body joined by"
    " dots. For a day after its renewal the old secret signs too: two signatures, with a space"
    " between.",
}
_ANSWERS: Final = {
    "2XX": OpenApiResponse(
        description="Taken. Any other answer, or silence for five seconds, is asked again: ten"
        " times in a little over three days. A redirect is not followed."
    ),
    "410": OpenApiResponse(description="Never tell this address anything again."),
}


def describe_webhooks(
    result: dict[str, Any], generator: SchemaGenerator, **_: Any
) -> dict[str, Any]:
    """Add the webhooks to the document: a hook of drf-spectacular, to run before its enums'."""
    webhooks = process_webhooks(
        [_describe(topic, when) for topic, when in _WHEN.items()], generator.registry
    )
    for described in webhooks.values():
        # No token is sent: the signature says who calls.
        described["post"]["security"] = []
        described["post"]["parameters"] = [
            {
                "in": "header",
                "name": name,
                "required": True,
                "description": said,
                "schema": {"type": "string"},
            }
            for name, said in _HEADERS.items()
        ]
    return {**result, "webhooks": webhooks, "components": generator.registry.build({})}


def _describe(topic: str, when: str) -> OpenApiWebhook:
    kind = topic.partition(".")[0]
    return OpenApiWebhook(
        str(topic),
        extend_schema(
            operation_id=f"notify_{topic.replace('.', '_')}",
            summary=when,
            tags=["webhooks"],
            request=_MESSAGES[kind],
            responses=_ANSWERS,
            examples=[
                OpenApiExample(
                    str(topic),
                    value={"type": topic, "timestamp": _MOMENT, "data": _EXAMPLES[topic]},
                )
            ],
        ),
    )
