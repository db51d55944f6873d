"""
Sending webhook messages to organizers' receivers, as the Standard Webhooks specification says.

The database writes each message in the transaction of its change (`sql/announce.sql`). Messages
about one order or one event are sent in order: each one waits until the one before was delivered or
given up. A receiver may get a message twice, with the same id. Every request is signed.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import json
import logging
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from standardwebhooks import Webhook

from ticketing.actors import Actor, record_act, system_actor
from ticketing.database.locks import Lock, try_lock
from ticketing.errors import Conflict
from ticketing.models import ActType
from tickets.webhooks.models import MOST_WEBHOOKS, WebhookAttempt, WebhookEndpoint, WebhookMessage
from tickets.webhooks.outbound import ReceiverResponse, post_json
from tickets.webhooks.signing import secrets_of
from tickets.webhooks.turns import (
    begin_turn,
    charge_organizer,
    end_turn,
    find_due_webhooks,
    first_of_each_subject,
    organizers_over_budget,
)

logger = logging.getLogger(__name__)

TEST: Final = "webhook.test"
# Seconds before each attempt, from the specification: a little over three days in all.
SCHEDULE: Final = [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
# Waits vary by a tenth, so that messages that failed at the same time are not retried at the same
# time.
_JITTER: Final = 0.1
# An endpoint that does not answer is paused for so long, because waiting for it blocks a webhook
# worker.
_PAUSE: Final = timedelta(seconds=60)
_AT_ONCE: Final = 8
# After so long a turn starts no more requests. Each takes 18 seconds at most, and a task has 45.
_TURN: Final = timedelta(seconds=5)
_GONE: Final = 410
# The result of an attempt that cannot be signed. It is recorded, so that the organizer sees why.
_UNSIGNABLE: Final = ReceiverResponse(
    status=None,
    text="",
    error="The key of this webhook's secret is no longer in use. Renew the secret.",
    milliseconds=0,
)
_SUCCESS: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)


class TooManyWebhooks(Conflict):
    """The organizer has the most endpoints allowed. Each one costs a message for each change."""

    code = "too_many_webhooks"
    title = "The organizer has as many webhooks as an organizer may have"


def refuse_too_many_webhooks(*, organizer_id: UUID) -> None:
    """
    Check that an organizer may have another endpoint. The trigger `cap_webhooks` decides a race.

    :raises TooManyWebhooks: if the organizer has the most endpoints allowed
    """
    if WebhookEndpoint.objects.filter(organizer_id=organizer_id).count() >= MOST_WEBHOOKS:
        raise TooManyWebhooks(
            f"An organizer has {MOST_WEBHOOKS} webhooks at most. Delete one that is not used."
        )


def send_webhooks(*, endpoint_id: UUID, now: datetime) -> None:
    """
    Send the due messages of one endpoint, several at once but no two of one subject.

    Failed messages are retried later, at the time in their rows. No transaction is open during the
    requests.
    """
    started = time.monotonic()
    # Only one webhook worker serves an endpoint at a time.
    with try_lock(Lock.WEBHOOK_ENDPOINT, _lock_number(endpoint_id)) as ours:
        endpoint = begin_turn(endpoint_id=endpoint_id, now=now) if ours else None
        if endpoint is None:
            return
        answered = _send_due(endpoint, now)
        end = now + timedelta(seconds=time.monotonic() - started)
        end_turn(endpoint_id=endpoint_id, pause=None if answered else _PAUSE, now=end)
    # At the end of the turn, so that messages of other organizers in the queue come first.
    find_due_webhooks(now=end, organizer_id=endpoint.organizer_id)


def send_test(*, endpoint: WebhookEndpoint, actor: Actor, now: datetime) -> WebhookMessage:
    """Create a test message for an endpoint. `find_due_webhooks` has it sent."""
    with transaction.atomic():
        _record(ActType.WEBHOOK_TESTED, endpoint, actor, now)
        return WebhookMessage.objects.create(
            endpoint=endpoint,
            type=TEST,
            subject=endpoint.pk,
            data={"note": "Nothing has happened. This is a test."},
            created_at=now,
            next_attempt_at=now,
        )


def send_again(*, message_id: UUID, actor: Actor, now: datetime) -> None:
    """Restart the attempts of a message. It keeps its id, so that a receiver can ignore it."""
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
    """Send no more messages to an endpoint. Return whether it was on. A repeat changes nothing."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id)
        was_on = endpoint.filter(disabled_at=None).update(disabled_at=now)
        if was_on:
            _record(ActType.WEBHOOK_SWITCHED_OFF, endpoint.get(), actor, now)
    return bool(was_on)


def switch_on(*, endpoint_id: UUID, actor: Actor, now: datetime) -> None:
    """Send to an endpoint again, and its waiting messages at once. A repeat records no act."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id)
        if endpoint.exclude(disabled_at=None).update(disabled_at=None):
            _record(ActType.WEBHOOK_SWITCHED_ON, endpoint.get(), actor, now)
        waiting = WebhookMessage.objects.filter(endpoint_id=endpoint_id, next_attempt_at__gt=now)
        waiting.update(next_attempt_at=now)


def oldest_due_webhook(*, now: datetime) -> datetime | None:
    """Return since when the oldest due message that could be sent waits, or None."""
    sendable = WebhookMessage.objects.filter(endpoint__disabled_at=None)
    # Messages that wait because of their own slow receivers show no fault of ours.
    sendable = sendable.exclude(endpoint__organizer__in=organizers_over_budget(now))
    due = first_of_each_subject(sendable, now)
    return due.values_list("next_attempt_at", flat=True).first()


def forget_webhooks(*, now: datetime) -> None:
    """
    Give up messages that have waited too long, and delete old ones.

    Without giving up, the messages for a receiver that is too slow would become more and more.
    """
    stale = WebhookMessage.objects.filter(
        next_attempt_at__isnull=False,
        created_at__lt=now - WebhookMessage.WAITS,
        endpoint__disabled_at=None,
    )
    given_up = stale.update(next_attempt_at=None)
    if given_up:
        logger.warning("Gave up %s webhook messages that waited too long.", given_up)
    old = WebhookMessage.objects.filter(created_at__lt=now - WebhookMessage.KEPT)
    old.filter(Q(next_attempt_at=None) | Q(endpoint__disabled_at__isnull=False)).delete()


def webhook_id(message: WebhookMessage) -> str:
    """Return the id of a message for receivers. It is the same at each attempt."""
    return f"msg_{message.pk.hex}"


def body_of(message: WebhookMessage) -> bytes:
    """Return the body of the request. It is the same at each attempt."""
    content = {
        "type": message.type,
        "timestamp": _format_moment(message.created_at),
        "data": {name: _format_value(name, value) for name, value in message.data.items()},
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _format_value(name: str, value: Any) -> Any:
    """Convert times to the format of the API. PostgreSQL wrote them in its session's time zone."""
    if isinstance(value, str) and name.endswith(("_at", "_until")):
        return _format_moment(datetime.fromisoformat(value))
    return value


def _format_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _lock_number(endpoint_id: UUID) -> int:
    return int.from_bytes(endpoint_id.bytes[-4:], signed=True)


def _send_due(endpoint: WebhookEndpoint, now: datetime) -> bool:
    """Send due messages until the turn ends. Return whether the endpoint answers."""
    begun = time.monotonic()
    passed = timedelta()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while passed < _TURN:
            moment = now + passed
            endpoints = WebhookEndpoint.objects.filter(pk=endpoint.pk, disabled_at=None)
            messages = WebhookMessage.objects.filter(endpoint=endpoint)
            batch = list(first_of_each_subject(messages, moment)[:_AT_ONCE])
            current = endpoints.first() if batch else None
            if current is None:
                break
            secrets = secrets_of(current, now=moment)
            responses = list(pool.map(partial(_send, current, secrets, moment), batch))
            for message, response in zip(batch, responses, strict=True):
                _record_attempt(message, response, moment)
            before, passed = passed, timedelta(seconds=time.monotonic() - begun)
            within_budget = charge_organizer(
                organizer_id=endpoint.organizer_id, took=passed - before, now=now + passed
            )
            if all(response.status is None for response in responses):
                return False
            if not within_budget:
                break
    return True


def _send(
    endpoint: WebhookEndpoint, secrets: list[str], now: datetime, message: WebhookMessage
) -> ReceiverResponse:
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
def _record_attempt(message: WebhookMessage, response: ReceiverResponse, now: datetime) -> None:
    error = response.error
    if response.status in _REDIRECT:
        error = "Redirects are not followed."
    WebhookAttempt.objects.create(
        message=message,
        at=now,
        milliseconds=response.milliseconds,
        status=response.status,
        answer=response.text,
        error=error,
    )
    message.attempts += 1
    delivered = response.status in _SUCCESS
    message.delivered_at = now if delivered else None
    message.next_attempt_at = None
    if not delivered and message.attempts < len(SCHEDULE):
        wait = SCHEDULE[message.attempts] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        message.next_attempt_at = now + timedelta(seconds=wait)
    message.save(update_fields=["attempts", "delivered_at", "next_attempt_at"])
    if response.status == _GONE:
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
