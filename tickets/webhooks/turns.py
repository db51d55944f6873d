"""
Choosing the endpoints that webhook workers serve next, so that no organizer delays the others.

At most two endpoints of an organizer are served at a time, each for a turn of a few seconds. The
time of slow receivers is charged to their organizer, which is paused when it exceeds its budget.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest

from ticketing.queue.messages import Message, send_after_commit
from tickets.webhooks.models import WebhookDebt, WebhookEndpoint, WebhookMessage

logger = logging.getLogger(__name__)

# The most endpoints of one organizer that are queued for webhook workers or served at a time.
AT_A_TIME: Final = 2
# If no webhook worker has begun a turn for so long, the message is sent again. After some repeats
# the wait doubles, up to half an hour, so that the queue does not fill up without webhook workers.
_RETRY_AFTER: Final = timedelta(seconds=30)
_EVEN_REPEATS: Final = 3
_DOUBLINGS: Final = 6
# How long an endpoint that is served is not queued again. Longer than any task may run.
_LEASE: Final = timedelta(seconds=60)
# A batch may take so long for free. Each further second costs its organizer `_COST` seconds.
_FREE: Final = timedelta(seconds=1)
_COST: Final = 2
# An organizer that owes more than this is paused until it owes so much. It then uses about half of
# the time of one webhook worker.
BUDGET: Final = timedelta(seconds=40)


@transaction.atomic(durable=True)
def find_due_webhooks(*, now: datetime, organizer_id: UUID | None = None) -> int:
    """
    Send a message to the webhook workers for each endpoint to serve now. Return how many.

    Without `organizer_id`, the endpoints of all organizers are considered. Of each organizer, the
    endpoints whose last turn is longest ago are chosen.
    """
    due = first_of_each_subject(WebhookMessage.objects.filter(endpoint=OuterRef("pk")), now)
    free = _past("leased_until", now) & _past("rests_until", now)
    waiting = WebhookEndpoint.objects.filter(free, Exists(due), disabled_at=None)
    if organizer_id is not None:
        waiting = waiting.filter(organizer_id=organizer_id)
    # `no_key`, because a sale that inserts a message holds a key-share lock on the endpoint's row.
    rows = (
        waiting.exclude(organizer__in=organizers_over_budget(now))
        .select_for_update(skip_locked=True, no_key=True)
        .order_by(F("turn_until").asc(nulls_first=True), "pk")
        .values_list("pk", "organizer_id", "asks")
    )
    chosen: dict[int, list[UUID]] = {}
    # Both fields are read, because webhook workers of the previous release end the lease only.
    taken = WebhookEndpoint.objects.filter(turn_until__gt=now, leased_until__gt=now)
    taken_by_organizer = Counter(taken.values_list("organizer_id", flat=True))
    for endpoint_id, owner_id, asks in rows:
        if taken_by_organizer[owner_id] < AT_A_TIME:
            taken_by_organizer[owner_id] += 1
            chosen.setdefault(min(asks, _EVEN_REPEATS + _DOUBLINGS), []).append(endpoint_id)
    for asks, endpoint_ids in chosen.items():
        _send_to_workers(endpoint_ids, asks=asks, now=now)
    return sum(map(len, chosen.values()))


def begin_turn(*, endpoint_id: UUID, now: datetime) -> WebhookEndpoint | None:
    """
    Take the lease of an endpoint and return it, or None if it must not be served now.

    The message to the webhook worker may come late or twice: meanwhile the endpoint was switched
    off or paused, or its organizer has exceeded its budget.
    """
    endpoints = WebhookEndpoint.objects.filter(pk=endpoint_id)
    may_begin = endpoints.filter(_past("rests_until", now), disabled_at=None)
    until = now + _LEASE
    begun = may_begin.exclude(organizer__in=organizers_over_budget(now)).update(
        leased_until=until, turn_until=until, asks=0
    )
    return endpoints.first() if begun else None


def end_turn(*, endpoint_id: UUID, pause: timedelta | None, now: datetime) -> None:
    """Release the lease of an endpoint. With `pause`, the endpoint is not served for so long."""
    rests_until = now + pause if pause is not None else None
    # `leased_until` is set too, because the previous release does not know `rests_until`.
    WebhookEndpoint.objects.filter(pk=endpoint_id).update(
        leased_until=rests_until, rests_until=rests_until, turn_until=now
    )


def charge_organizer(*, organizer_id: UUID, took: timedelta, now: datetime) -> bool:
    """Charge an organizer for the time of a batch. Return whether it is within its budget."""
    if took <= _FREE:
        return True
    new = WebhookDebt(organizer_id=organizer_id, owed_until=now)
    WebhookDebt.objects.bulk_create([new], ignore_conflicts=True)
    start = Greatest("owed_until", Value(now, DateTimeField()))
    debt = WebhookDebt.objects.filter(pk=organizer_id)
    debt.update(owed_until=start + Value((took - _FREE) * _COST))
    over_budget = debt.filter(owed_until__gt=now + BUDGET)
    until = over_budget.values_list("owed_until", flat=True).first()
    if until is not None:
        logger.warning(
            "The webhook receivers of organizer %s are slow. Its webhooks are paused until %s.",
            organizer_id,
            (until - BUDGET).isoformat(timespec="seconds"),
        )
    return until is None


def organizers_over_budget(now: datetime) -> QuerySet[WebhookDebt, Any]:
    """Return the ids of organizers whose webhooks are paused: they have exceeded their budget."""
    return WebhookDebt.objects.filter(owed_until__gt=now + BUDGET).values("organizer_id")


def first_of_each_subject(
    messages: QuerySet[WebhookMessage], now: datetime
) -> QuerySet[WebhookMessage]:
    """
    Return the messages that may be sent now, the one that waits longest first.

    Of each endpoint and subject only the first waiting message may be sent, if it is due.
    """
    before = WebhookMessage.objects.filter(
        endpoint_id=OuterRef("endpoint_id"),
        subject=OuterRef("subject"),
        position__lt=OuterRef("position"),
        next_attempt_at__isnull=False,
    )
    due = messages.filter(~Exists(before), next_attempt_at__lte=now)
    return due.order_by("next_attempt_at", "position")


def _send_to_workers(endpoint_ids: Iterable[UUID], *, asks: int, now: datetime) -> None:
    until = now + _RETRY_AFTER * 2 ** max(0, asks - _EVEN_REPEATS)
    WebhookEndpoint.objects.filter(pk__in=endpoint_ids).update(
        leased_until=until, turn_until=until, asks=asks + 1
    )
    for endpoint_id in endpoint_ids:
        send_after_commit(Message.SEND_WEBHOOKS, endpoint_id=endpoint_id)


def _past(field: str, now: datetime) -> Q:
    return Q(**{field: None}) | Q(**{f"{field}__lte": now})
