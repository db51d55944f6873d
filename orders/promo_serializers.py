"""Serializers of promo codes for buyers: what a code gives."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from rest_framework import serializers

from events.models import TicketType
from orders.promo_terms import PromoTerms
from orders.serializers import PromoTextField
from ticketing.api.fields import StrictSerializer


class PromoTextSent(StrictSerializer):
    promo_code = PromoTextField()


class OfferedTypeShown(serializers.Serializer[Any]):
    """A ticket type that a buyer with the promo code may reserve."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    unit_price = serializers.DecimalField(
        max_digits=10, decimal_places=2, help_text="The price of a ticket with the promo code."
    )
    list_price = serializers.DecimalField(
        max_digits=10, decimal_places=2, help_text="The price without it."
    )
    available = serializers.IntegerField()
    is_hidden = serializers.BooleanField(help_text="Only a promo code shows this type.")


class PromoOfferShown(serializers.Serializer[Any]):
    """What a promo code gives now. Another buyer may use it up before you reserve."""

    promo_code = serializers.CharField()
    currency = serializers.CharField()
    valid_until = serializers.DateTimeField(allow_null=True)
    min_tickets = serializers.IntegerField(
        help_text="The fewest tickets of these types in one order."
    )
    max_tickets = serializers.IntegerField(
        allow_null=True, help_text="The most tickets of these types in one order."
    )
    ticket_types = OfferedTypeShown(many=True)


def show_offer(
    promo: PromoTerms, kinds: Sequence[TicketType], left: Mapping[UUID, int], *, currency: str
) -> dict[str, Any]:
    """Return as JSON what a promo code gives for the ticket types that its buyer may see."""
    offer = {
        "promo_code": promo.code,
        "currency": currency,
        "valid_until": promo.valid_until,
        "min_tickets": promo.min_tickets,
        "max_tickets": promo.max_tickets,
        "ticket_types": [
            {
                "id": kind.pk,
                "name": kind.name,
                "unit_price": kind.price - promo.discount_on(kind),
                "list_price": kind.price,
                "available": left.get(kind.pk, 0),
                "is_hidden": kind.is_hidden,
            }
            for kind in kinds
            if promo.applies_to(kind.pk)
        ],
    }
    return dict(PromoOfferShown(offer).data)
