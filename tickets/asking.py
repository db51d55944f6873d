"""What a delivery looks like that is asked for afresh."""

from datetime import datetime
from typing import Any

from ticketing.queue.messages import next_retry_at


def asked_afresh(*, now: datetime) -> dict[str, Any]:
    """
    Return the columns of a `Delivery` whose mail is wanted now, whatever became of the last.

    `goes_at` stays: repeated requests wait for the one mail that is delayed, and book no other.
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
