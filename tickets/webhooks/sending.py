"""
Telling organizers' own systems what has happened, by the convention of Standard Webhooks.

The database writes each message in the transaction of its cause (`sql/announce.sql`); here they
are sent. Of one order, or of one event, the next goes when the one before has arrived or was given
up. A receiver may get a message twice, with the same id, and never without a signature.
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
from ticketing.database.locks import Lock, alone
from ticketing.errors import Conflict
from ticketing.models import ActType
from tickets.webhooks.models import MOST_WEBHOOKS, WebhookAttempt, WebhookEndpoint, WebhookMessage
from tickets.webhooks.outbound import Answer, post_json
from tickets.webhooks.signing import secrets_of
from tickets.webhooks.turns import (
    begin_turn,
    charge,
    end_turn,
    find_due_webhooks,
    first_of_each_subject,
    in_debt,
)

logger = logging.getLogger(__name__)

TEST: Final = "webhook.test"
# Of the convention: seconds before each attempt, a little over three days in all.
SCHEDULE: Final = [0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
# A tenth sooner or later, so that what failed together does not come back together.
_JITTER: Final = 0.1
# Who answers nothing is left alone for so long: a courier has others to go to.
_REST: Final = timedelta(seconds=60)
_AT_ONCE: Final = 8
# A turn begins no exchange later, and each is over in 18 seconds: a task has 45.
_TURN: Final = timedelta(seconds=5)
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


class TooManyWebhooks(Conflict):
    """Each endpoint costs a message for each thing that happens."""

    code = "too_many_webhooks"
    title = "The organizer has as many webhooks as an organizer may have"


def refuse_too_many_webhooks(*, organizer_id: UUID) -> None:
    """
    Check that an organizer may have another endpoint. The trigger `cap_webhooks` decides a race.

    :raises TooManyWebhooks: if it may not
    """
    if WebhookEndpoint.objects.filter(organizer_id=organizer_id).count() >= MOST_WEBHOOKS:
        raise TooManyWebhooks(
            f"An organizer has {MOST_WEBHOOKS} webhooks at most. Delete one that is not used."
        )


def send_webhooks(*, endpoint_id: UUID, now: datetime) -> None:
    """
    Send what one endpoint is due, several at once but no two of one subject.

    What fails is tried again later, as its row says. No transaction is open meanwhile.
    """
    started = time.monotonic()
    # One courier an endpoint.
    with alone(Lock.WEBHOOK_ENDPOINT, _lock_number(endpoint_id)) as ours:
        endpoint = begin_turn(endpoint_id=endpoint_id, now=now) if ours else None
        if endpoint is None:
            return
        answered = _send_due(endpoint, now)
        end = now + timedelta(seconds=time.monotonic() - started)
        end_turn(endpoint_id=endpoint_id, rest=None if answered else _REST, now=end)
    # Behind the messages of other organizers.
    find_due_webhooks(now=end, organizer_id=endpoint.organizer_id)


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
    sent_to = WebhookMessage.objects.filter(endpoint__disabled_at=None)
    # A slow receiver keeps its own organizer waiting, and no other.
    sent_to = sent_to.exclude(endpoint__organizer__in=in_debt(now))
    due = first_of_each_subject(sent_to, now)
    return due.values_list("next_attempt_at", flat=True).first()


def forget_webhooks(*, now: datetime) -> None:
    """
    Clear away messages that nobody waits for any more.

    A receiver that takes less than it is sent gets ever more messages: what has waited too long is
    given up.
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
    """Return the id by which a receiver knows a message again, at each of its attempts."""
    return f"msg_{message.pk.hex}"


def body_of(message: WebhookMessage) -> bytes:
    """Return what is sent: always the same, so that each attempt has the same text."""
    told = {
        "type": message.type,
        "timestamp": _spell_moment(message.created_at),
        "data": {name: _spell(name, value) for name, value in message.data.items()},
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _spell(name: str, value: Any) -> Any:
    """Return a moment, which PostgreSQL wrote with its own offset, as the API spells it."""
    if isinstance(value, str) and name.endswith(("_at", "_until")):
        return _spell_moment(datetime.fromisoformat(value))
    return value


def _spell_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _lock_number(endpoint_id: UUID) -> int:
    return int.from_bytes(endpoint_id.bytes[-4:], signed=True)


def _send_due(endpoint: WebhookEndpoint, now: datetime) -> bool:
    """Send for seconds at most, and return whether the endpoint still answers."""
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
            answers = list(pool.map(partial(_send, current, secrets, moment), batch))
            for message, answer in zip(batch, answers, strict=True):
                _note(message, answer, moment)
            before, passed = passed, timedelta(seconds=time.monotonic() - begun)
            solvent = charge(
                organizer_id=endpoint.organizer_id, took=passed - before, now=now + passed
            )
            if all(answer.status is None for answer in answers):
                return False
            if not solvent:
                break
    return True


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
