"""Selecting the rows whose message the sweep must send again."""

from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from ticketing.queue.messages import next_retry_at

# The most rows of one kind in one sweep.
BATCH: Final = 500

# A model with the columns `asks` and `ask_again_at`.
Asking = TypeVar("Asking", bound=Model)


def take_overdue(rows: QuerySet[Asking], *, now: datetime) -> list[Asking]:
    """
    Return a batch of rows whose `ask_again_at` has passed, and set it to a later time.

    Call it in the transaction that sends the messages of these rows. Each wait is longer than the
    one before, so that a slow worker does not get many copies of a message.
    """
    # `skip_locked` lets two sweeps at once take different rows.
    waiting = rows.filter(ask_again_at__lte=now).order_by("ask_again_at")
    overdue = list(waiting.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for row in overdue:
        _put_off(row, now)
    rows.bulk_update(overdue, ["asks", "ask_again_at"])
    return overdue


def _put_off(row: Any, now: datetime) -> None:
    row.asks += 1
    row.ask_again_at = next_retry_at(row.asks, now=now)
