"""Record the changes of events that buyers are told about by mail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from events.models import ChangeForBuyers, Event, EventStatus
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.queue.overdue import take_overdue

# What a buyer must know to arrive at the right place and time. A later end changes no plans.
TOLD_FIELDS: Final = ("starts_at", "timezone", "venue", "address", "city")


def told_values(event: Event) -> dict[str, Any]:
    """Return the values of an event that buyers are told about, as JSON has them."""
    values = {name: getattr(event, name) for name in TOLD_FIELDS}
    return values | {"starts_at": event.starts_at.isoformat()}


def record_change_for_buyers(*, event: Event, before: Mapping[str, Any], now: datetime) -> None:
    """
    Record how a changed event differs from `before` (`told_values`), and send the message for it.

    It runs in the caller's transaction. Nothing is recorded if date and place are the same, or if
    the event is not on sale or was over before the change.
    """
    after = told_values(event)
    differing = {name: value for name, value in before.items() if after[name] != value}
    if not differing or event.status != EventStatus.PUBLISHED or event.ends_at <= now:
        return
    change = ChangeForBuyers.objects.create(
        event=event, changed_at=now, before=differing, ask_again_at=next_retry_at(0, now=now)
    )
    send_after_commit(Message.TELL_BUYERS_OF_CHANGE, change_id=change.pk)


def note_buyers_told(*, change_id: UUID, now: datetime) -> None:
    """Note that each buyer has a row for the mail, so that the sweep skips the change."""
    ChangeForBuyers.objects.filter(pk=change_id, told_at=None).update(told_at=now)


def resend_change_messages(*, now: datetime) -> int:
    """Send the messages of overdue changes again, in the sweep's transaction. Return how many."""
    overdue = take_overdue(ChangeForBuyers.objects.filter(told_at=None), now=now)
    for change in overdue:
        send_after_commit(Message.TELL_BUYERS_OF_CHANGE, change_id=change.pk)
    return len(overdue)
