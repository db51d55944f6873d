"""Request an order's ticket mail anew."""

from datetime import datetime
from typing import Any

from ticketing.queue.messages import Message, next_retry_at
from tickets.models import Delivery


def next_message(delivery: Delivery) -> Message:
    """Return the message of the next step of a delivery that waits: its codes, or its mail."""
    stored = delivery.codes_stored_at is not None
    return Message.DELIVER_TICKETS if stored else Message.ISSUE_CODES


def new_mail_request(*, now: datetime) -> dict[str, Any]:
    """
    Return the columns that make a `Delivery` wait for a mail again, sent or given up before or not.

    `goes_at` is left as it is: if the limit has put the mail off, repeated requests wait for that
    one mail and do not book more.
    """
    return {
        "asked_at": now,
        "sent_at": None,
        "failed_at": None,
        "failure": "",
        "attempts": 0,
        "asks": 0,
        "ask_again_at": next_retry_at(0, now=now),
    }
