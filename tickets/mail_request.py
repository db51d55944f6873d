"""Request an order's ticket mail anew."""

from datetime import datetime
from typing import Any

from ticketing.queue.messages import next_retry_at


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
