"""The serializer of a payment as a buyer or a shop sends it."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

from orders.consents import Agreed
from orders.models import BUYER_METHODS, ConsentWay, Payment, PaymentMethod
from ticketing.api.fields import (
    LineField,
    StrictSerializer,
    WholeNumberField,
    YesOrNoField,
    column_length,
)
from ticketing.api.rules import has_text, has_values

# Of the column.
_LARGEST_NUMBER: Final = 2**31 - 1


class ConsentSent(StrictSerializer):
    """What the buyer agrees to."""

    accepted_terms = WholeNumberField(
        min_value=1,
        max_value=_LARGEST_NUMBER,
        required=False,
        help_text="The version of the organizer's terms of sale that the buyer has accepted:"
        " `version` of `get_event_terms`. Needed if `is_required` is true there.",
    )
    marketing_consent = YesOrNoField(
        default=False,
        help_text="Whether the buyer agrees to mails about other events of the organizer. Ask for"
        " it apart, with a box that is not ticked: a sale must not depend on it.",
    )


def read_consent(sent: Mapping[str, Any]) -> Agreed:
    """Return what the buyer agrees to in a valid request."""
    return Agreed(ConsentWay.API, terms=sent.get("accepted_terms"), news=sent["marketing_consent"])


class PaymentSent(ConsentSent):
    """The payment method, and the gateway's token. A free order needs no token."""

    rules = {"if": has_values(method=PaymentMethod.FREE.value), "else": has_text("token")}

    method = serializers.ChoiceField(choices=[(each.value, each.label) for each in BUYER_METHODS])
    token = LineField(max_length=column_length(Payment, "token"), required=False, allow_blank=True)
