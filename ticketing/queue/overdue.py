"""Rows that ask for a message again, because what they asked for is not done yet."""

from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from ticketing.queue.messages import next_ask

# Of one kind, in one sweep.
BATCH: Final = 500

# A model with the columns `asks` and `ask_again_at`.
Asking = TypeVar("Asking", bound=Model)


def take_overdue(rows: QuerySet[Asking], *, now: datetime) -> list[Asking]:
    """
    Return a batch of the rows whose time to ask again has come, and put that time off.

    Each row waits longer than the time before, so that a slow worker is not flooded. It is a part
    of the transaction that sends their messages.
    """
    # Two sweeps at once share the work: each takes rows that the other has not.
    waiting = rows.filter(ask_again_at__lte=now).order_by("ask_again_at")
    overdue = list(waiting.select_for_update(skip_locked=True, of=("self",))[:BATCH])
    for row in overdue:
        _put_off(row, now)
    rows.bulk_update(overdue, ["asks", "ask_again_at"])
    return overdue


def _put_off(row: Any, now: datetime) -> None:
    row.asks += 1
    row.ask_again_at = next_ask(row.asks, now=now)
