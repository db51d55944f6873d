"""
What organizers' own systems are told, as the document of the API has it.

The database writes it, in the transaction of its cause (see the migrations `webhooks`,
`announce_orders` and `announce_tickets`); a test holds every message against this.
"""

from typing import Any, Final

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import process_webhooks
from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

from events.models import EventStatus, Topic
from events.webhooks import TEST
from orders.models import OrderStatus
from orders.serializers import EventNamed
from tickets.models import TicketStatus
from tickets.serializers import OrderNamed, TicketTypeNamed

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
    Topic.ORDER_REFUNDED: "All that was left of the order is refunded. Its tickets are revoked.",
    Topic.TICKET_ISSUED: "One person may enter.",
    Topic.TICKET_ADMITTED: "The ticket was used at the door.",
    Topic.TICKET_REVOKED: "The ticket opens no door any more: it was refunded, revoked or"
    " replaced.",
    Topic.EVENT_PUBLISHED: "The event is on sale, or will be when its sales start.",
    Topic.EVENT_UPDATED: "Something of a published event was changed, or of its ticket types.",
    Topic.EVENT_CANCELLED: "The event will not take place. Refunds follow, one"
    " `order.refunded` an order.",
    Topic.EVENT_SOLD_OUT: "The last ticket was sold. A refund may bring some back.",
    TEST: "Somebody pressed “Send a test” in the admin.",
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
        " times in three and a half days. A redirect is not followed."
    ),
    "410": OpenApiResponse(description="Never tell this address anything again."),
}


def tell_webhooks(result: dict[str, Any], generator: SchemaGenerator, **_: Any) -> dict[str, Any]:
    """Add the webhooks to the document: a hook of drf-spectacular, to run before its enums'."""
    webhooks = process_webhooks(
        [_describe(topic, when) for topic, when in _WHEN.items()], generator.registry
    )
    for described in webhooks.values():
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
            summary=when,
            tags=["webhooks"],
            request=_MESSAGES[kind],
            responses=_ANSWERS,
        ),
    )
