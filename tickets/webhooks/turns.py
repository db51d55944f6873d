"""
Which endpoints a courier sends to next, so that no organizer keeps the others waiting.

Few endpoints of an organizer are with couriers at a time, each for seconds, then it is the next
one's turn. An organizer whose receivers are slow pays for the time that they take.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest

from events.models import Organizer
from ticketing.queue.messages import Message, send_after_commit
from tickets.webhooks.models import WebhookEndpoint, WebhookMessage

logger = logging.getLogger(__name__)

# Endpoints of one organizer that couriers are asked for, or send to, at a time.
AT_A_TIME: Final = 2
# A message to a courier that came to nothing is sent again after so long. After some repeats the
# wait doubles, up to half an hour: without couriers the queue does not fill with repeats.
_ASKED: Final = timedelta(seconds=30)
_EVEN_REPEATS: Final = 3
_DOUBLINGS: Final = 6
# A courier at work is asked for nothing more. Longer than any task may run.
_LEASE: Final = timedelta(seconds=60)
# What a batch may take for free, and how many seconds each further one costs its organizer.
_FREE: Final = timedelta(seconds=1)
_COST: Final = 2
# An organizer that owes more waits until it owes so much: about half of one courier's time.
BUDGET: Final = timedelta(seconds=40)


@transaction.atomic(durable=True)
def find_due_webhooks(*, now: datetime, organizer_id: UUID | None = None) -> int:
    """
    Ask couriers to send what is due, of all organizers or of one. Return how many were asked.

    Of each organizer the endpoints take turns: the one whose last turn is longest ago comes first.
    """
    due = first_of_each_subject(WebhookMessage.objects.filter(endpoint=OuterRef("pk")), now)
    free = _past("leased_until", now) & _past("rests_until", now)
    waiting = WebhookEndpoint.objects.filter(free, Exists(due), disabled_at=None)
    if organizer_id is not None:
        waiting = waiting.filter(organizer_id=organizer_id)
    # A sale that tells an endpoint something holds its key: neither waits for the other.
    rows = (
        waiting.exclude(organizer__in=in_debt(now))
        .select_for_update(skip_locked=True, no_key=True)
        .order_by(F("turn_until").asc(nulls_first=True), "pk")
        .values_list("pk", "organizer_id", "asks")
    )
    chosen: dict[int, list[UUID]] = {}
    # The previous release's couriers end the lease, and not the turn.
    at_work = WebhookEndpoint.objects.filter(turn_until__gt=now, leased_until__gt=now)
    with_couriers = Counter(at_work.values_list("organizer_id", flat=True))
    for endpoint_id, owner, asks in rows:
        if with_couriers[owner] < AT_A_TIME:
            with_couriers[owner] += 1
            chosen.setdefault(min(asks, _EVEN_REPEATS + _DOUBLINGS), []).append(endpoint_id)
    for asks, endpoint_ids in chosen.items():
        _ask(endpoint_ids, asks=asks, now=now)
    return sum(map(len, chosen.values()))


def begin_turn(*, endpoint_id: UUID, now: datetime) -> WebhookEndpoint | None:
    """
    Return an endpoint for a courier to send to, or None if this is not its turn.

    A message to a courier may come twice, or late: the endpoint was switched off meanwhile, or it
    rests.
    """
    endpoints = WebhookEndpoint.objects.filter(pk=endpoint_id)
    may_begin = endpoints.filter(_past("rests_until", now), disabled_at=None)
    until = now + _LEASE
    begun = may_begin.exclude(organizer__in=in_debt(now)).update(
        leased_until=until, turn_until=until, asks=0
    )
    return endpoints.first() if begun else None


def end_turn(*, endpoint_id: UUID, rest: timedelta | None, now: datetime) -> None:
    """Give others their turn. With `rest`, the endpoint gets none for so long."""
    rests_until = now + rest if rest is not None else None
    # The previous release knows only the lease.
    WebhookEndpoint.objects.filter(pk=endpoint_id).update(
        leased_until=rests_until, rests_until=rests_until, turn_until=now
    )


def charge(*, organizer_id: UUID, took: timedelta, now: datetime) -> bool:
    """Charge an organizer for the time of a batch. Return whether it may go on."""
    if took <= _FREE:
        return True
    # PostgreSQL's GREATEST leaves NULL out.
    begins = Greatest("couriers_owed_until", Value(now, DateTimeField()))
    organizer = Organizer.objects.filter(pk=organizer_id)
    organizer.update(couriers_owed_until=begins + Value((took - _FREE) * _COST))
    owed = in_debt(now).filter(pk=organizer_id)
    until = owed.values_list("couriers_owed_until", flat=True).first()
    if until is not None:
        logger.warning(
            "The webhook receivers of organizer %s are slow. It gets no courier until %s.",
            organizer_id,
            (until - BUDGET).isoformat(timespec="seconds"),
        )
    return until is None


def in_debt(now: datetime) -> QuerySet[Organizer]:
    """Return the organizers that get no courier now, because their receivers were slow."""
    return Organizer.objects.filter(couriers_owed_until__gt=now + BUDGET)


def first_of_each_subject(
    messages: QuerySet[WebhookMessage], now: datetime
) -> QuerySet[WebhookMessage]:
    """Return those that are due, the longest-waiting first, and of each subject the first only."""
    before = WebhookMessage.objects.filter(
        endpoint_id=OuterRef("endpoint_id"),
        subject=OuterRef("subject"),
        position__lt=OuterRef("position"),
        next_attempt_at__isnull=False,
    )
    due = messages.filter(~Exists(before), next_attempt_at__lte=now)
    return due.order_by("next_attempt_at", "position")


def _ask(endpoint_ids: Iterable[UUID], *, asks: int, now: datetime) -> None:
    until = now + _ASKED * 2 ** max(0, asks - _EVEN_REPEATS)
    WebhookEndpoint.objects.filter(pk__in=endpoint_ids).update(
        leased_until=until, turn_until=until, asks=asks + 1
    )
    for endpoint_id in endpoint_ids:
        send_after_commit(Message.SEND_WEBHOOKS, endpoint_id=endpoint_id)


def _past(field: str, now: datetime) -> Q:
    return Q(**{field: None}) | Q(**{f"{field}__lte": now})
