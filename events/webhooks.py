"""
Telling organizers' own systems what has happened, by the convention of Standard Webhooks.

The database writes each message in the transaction of its cause (see the migrations); here they
are sent. Of one order, or of one event, the next goes when the one before has arrived or was given
up. A receiver may get a message twice, with the same id, and never without a signature.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from standardwebhooks import Webhook

from events.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from events.webhook_secrets import secrets_of
from ticketing.actors import Actor, record_act, system_actor
from ticketing.messages import Message, send_after_commit
from ticketing.models import ActType
from ticketing.outbound import Answer, post_json

TEST: Final = "webhook.test"
# Of the convention: seconds before each attempt, a little over three days in all.
SCHEDULE: Final = [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
# A tenth sooner or later, so that what failed together does not come back together.
_JITTER: Final = 0.1
# After so long a message that no courier has taken counts as lost, and another one is sent.
_UNANSWERED: Final = timedelta(seconds=30)
# While a courier sends, no other message is sent for its endpoint. Longer than any task may run.
_LEASE: Final = timedelta(seconds=60)
# Who answers nothing is left alone for so long: a courier has others to go to.
_REST: Final = timedelta(seconds=60)
_AT_ONCE: Final = 8
# No exchange is begun later, and each is over in 18 seconds: a task has 45.
_RUN_SECONDS: Final = 20
_LOCK: Final = 4
_GONE: Final = 410
# Never sent without a signature. The attempt counts as failed, so its owner sees why.
_UNSIGNABLE: Final = Answer(
    status=None,
    text="",
    error="The key of this webhook's secret is no longer in use. Renew the secret.",
    milliseconds=0,
)
_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)


@transaction.atomic(durable=True)
def find_due_webhooks(*, now: datetime) -> int:
    """Ask a worker to send, for each endpoint that has something to be sent. Return how many."""
    due = _first_of_each(WebhookMessage.objects.filter(endpoint=OuterRef("pk")), now)
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    endpoints = WebhookEndpoint.objects.filter(free, Exists(due), disabled_at=None)
    # A sale that tells an endpoint something holds its key: neither waits for the other.
    asked = list(
        endpoints.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
    )
    WebhookEndpoint.objects.filter(pk__in=asked).update(leased_until=now + _UNANSWERED)
    for endpoint_id in asked:
        send_after_commit(Message.SEND_WEBHOOKS, endpoint_id=endpoint_id)
    return len(asked)


def send_webhooks(*, endpoint_id: UUID, now: datetime) -> None:
    """
    Send what one endpoint is due, several at once but no two of one subject.

    What fails is tried again later, as its row says. No transaction is open meanwhile.
    """
    until = time.monotonic() + _RUN_SECONDS
    started = time.monotonic()
    rest_until = None
    with _alone(endpoint_id) as alone, ThreadPoolExecutor(_AT_ONCE) as pool:
        if alone:
            WebhookEndpoint.objects.filter(pk=endpoint_id).update(leased_until=now + _LEASE)
        while alone and rest_until is None and time.monotonic() < until:
            moment = now + timedelta(seconds=time.monotonic() - started)
            endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id, disabled_at=None).first()
            batch = list(_due(endpoint_id, moment)[:_AT_ONCE]) if endpoint else []
            if endpoint is None or not batch:
                break
            secrets = secrets_of(endpoint, now=moment)
            answers = list(pool.map(partial(_send, endpoint, secrets, moment), batch))
            for message, answer in zip(batch, answers, strict=True):
                _note(message, answer, moment)
            if all(answer.status is None for answer in answers):
                rest_until = moment + _REST
        if alone:
            WebhookEndpoint.objects.filter(pk=endpoint_id).update(leased_until=rest_until)


def send_test(*, endpoint: WebhookEndpoint, now: datetime) -> WebhookMessage:
    """Tell an endpoint something that has not happened."""
    return WebhookMessage.objects.create(
        endpoint=endpoint,
        type=TEST,
        subject=endpoint.pk,
        data={"note": "Nothing has happened. This is a test."},
        created_at=now,
        next_attempt_at=now,
    )


def send_again(*, message_id: UUID, actor: Actor, now: datetime) -> None:
    """Start a message's attempts anew. It keeps its id, by which a receiver knows it."""
    with transaction.atomic():
        message = WebhookMessage.objects.select_related("endpoint").get(pk=message_id)
        WebhookMessage.objects.filter(pk=message_id).update(
            attempts=0, next_attempt_at=now, delivered_at=None
        )
        record_act(
            act=ActType.MESSAGE_SENT_AGAIN,
            actor=actor,
            subject_id=message_id,
            organizer_id=message.endpoint.organizer_id,
            at=now,
            details={"type": message.type},
        )


def switch_off(*, endpoint_id: UUID, actor: Actor, now: datetime) -> bool:
    """Send nothing more to an endpoint. Return whether it was on: twice is once."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id)
        was_on = endpoint.filter(disabled_at=None).update(disabled_at=now)
        if was_on:
            _record(ActType.WEBHOOK_SWITCHED_OFF, endpoint.get(), actor, now)
    return bool(was_on)


def switch_on(*, endpoint_id: UUID, actor: Actor, now: datetime) -> None:
    """Send to an endpoint again that was switched off, also what it has missed. Twice is once."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id)
        if endpoint.exclude(disabled_at=None).update(disabled_at=None):
            _record(ActType.WEBHOOK_SWITCHED_ON, endpoint.get(), actor, now)
        waiting = WebhookMessage.objects.filter(endpoint_id=endpoint_id, next_attempt_at__gt=now)
        waiting.update(next_attempt_at=now)


def oldest_due_webhook(*, now: datetime) -> datetime | None:
    """Return since when the longest-waiting message is due that could be sent."""
    due = _first_of_each(WebhookMessage.objects.filter(endpoint__disabled_at=None), now)
    return due.values_list("next_attempt_at", flat=True).first()


def forget_webhooks(*, now: datetime) -> None:
    """Clear away messages that nobody waits for any more."""
    old = WebhookMessage.objects.filter(created_at__lt=now - WebhookMessage.KEPT)
    old.filter(Q(next_attempt_at=None) | Q(endpoint__disabled_at__isnull=False)).delete()


def webhook_id(message: WebhookMessage) -> str:
    """Return the id by which a receiver knows a message again, at each of its attempts."""
    return f"msg_{message.pk.hex}"


def body_of(message: WebhookMessage) -> bytes:
    """Return what is sent: always the same, so that each attempt has the same text."""
    told = {
        "type": message.type,
        "timestamp": message.created_at.astimezone(UTC).isoformat(),
        "data": message.data,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _due(endpoint_id: UUID, now: datetime) -> QuerySet[WebhookMessage]:
    return _first_of_each(WebhookMessage.objects.filter(endpoint_id=endpoint_id), now)


def _first_of_each(messages: QuerySet[WebhookMessage], now: datetime) -> QuerySet[WebhookMessage]:
    """Return those that are due, the longest-waiting first, and of each subject the first only."""
    before = WebhookMessage.objects.filter(
        endpoint_id=OuterRef("endpoint_id"),
        subject=OuterRef("subject"),
        position__lt=OuterRef("position"),
        next_attempt_at__isnull=False,
    )
    due = messages.filter(~Exists(before), next_attempt_at__lte=now)
    return due.order_by("next_attempt_at", "position")


def _send(
    endpoint: WebhookEndpoint, secrets: list[str], now: datetime, message: WebhookMessage
) -> Answer:
    if not secrets:
        return _UNSIGNABLE
    body = body_of(message)
    identity = webhook_id(message)
    signatures = [Webhook(secret).sign(identity, now, body.decode()) for secret in secrets]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Bilheteria-Webhooks",
        "webhook-id": identity,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return post_json(endpoint.url, body, headers)


@transaction.atomic(durable=True)
def _note(message: WebhookMessage, answer: Answer, now: datetime) -> None:
    error = answer.error
    if answer.status in _REDIRECT:
        error = "Redirects are not followed."
    WebhookAttempt.objects.create(
        message=message,
        at=now,
        milliseconds=answer.milliseconds,
        status=answer.status,
        answer=answer.text,
        error=error,
    )
    message.attempts += 1
    delivered = answer.status in _SUCCESS
    message.delivered_at = now if delivered else None
    message.next_attempt_at = None
    if not delivered and message.attempts < len(SCHEDULE):
        wait = SCHEDULE[message.attempts] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        message.next_attempt_at = now + timedelta(seconds=wait)
    message.save(update_fields=["attempts", "delivered_at", "next_attempt_at"])
    if answer.status == _GONE:
        gone = system_actor("receiver answered 410", about=message.pk)
        switch_off(endpoint_id=message.endpoint_id, actor=gone, now=now)


def _record(act: ActType, endpoint: WebhookEndpoint, actor: Actor, now: datetime) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=endpoint.pk,
        organizer_id=endpoint.organizer_id,
        at=now,
    )


@contextmanager
def _alone(endpoint_id: UUID) -> Iterator[bool]:
    """Say whether nobody else sends to this endpoint, and keep others from it."""
    number = int.from_bytes(endpoint_id.bytes[-4:], signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_LOCK, number])
        mine = bool(cursor.fetchone()[0])
        try:
            yield mine
        finally:
            if mine:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [_LOCK, number])
