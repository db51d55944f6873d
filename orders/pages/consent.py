"""What a buyer agrees to on the page of an order: the terms of sale, and apart from them news."""

from collections.abc import Mapping
from typing import Any

from events.terms import terms_link
from orders.consent_record import ConsentWay
from orders.consents import Agreed
from orders.models import Order

# Of the column. A longer number is that of no version.
_LONGEST_NUMBER = 9


def agreed_in(sent: Mapping[str, str]) -> Agreed:
    """Return what the buyer agrees to in the sent form of `orders/consent.html`."""
    number = sent.get("accepted_terms", "")
    is_number = number.isascii() and number.isdecimal() and len(number) <= _LONGEST_NUMBER
    return Agreed(
        ConsentWay.SHOP,
        terms=int(number) if is_number else None,
        news=sent.get("news") == "yes",
    )


def describe_terms(order: Order) -> dict[str, Any]:
    """Return for the template which terms there are, and whether they must be accepted."""
    organizer = order.event.organizer
    number = organizer.terms_number
    return {
        "terms_number": number,
        "terms_link": terms_link(organizer, number) if number else "",
        "requires_terms": organizer.requires_terms,
    }
