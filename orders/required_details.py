"""What an organizer requires of a buyer before the payment: answers to questions, and names."""

from datetime import datetime

from orders.answers import needs_answers
from orders.holders import needs_names
from orders.models import Order
from ticketing.errors import Conflict


class DetailsMissing(Conflict):
    """A required answer, or the name of a holder, is missing, and may still be given."""

    code = "details_missing"
    title = "Required answers or names are missing"


def needs_details(order: Order, now: datetime) -> bool:
    """Return whether an answer or a name that must come before the payment is missing."""
    return needs_answers(order, now) or needs_names(order, now)


def refuse_without_details(order: Order, now: datetime) -> None:
    """
    Check that the buyer has given what the organizer requires before the payment.

    :raises DetailsMissing: if something is missing
    """
    if needs_answers(order, now):
        raise DetailsMissing(
            "A question that must be answered is not. Send the answers first:"
            f" `PUT /orders/{order.pk}/answers`."
        )
    if needs_names(order, now):
        raise DetailsMissing(
            "Each ticket needs the name of its holder. Send the names first:"
            f" `PATCH /orders/{order.pk}/holders`."
        )
