"""Messages that failed to the end: shown to people, and sent again when they say so."""

import base64
import binascii
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F

from ticketing import clock
from ticketing.actors import Actor, record_act
from ticketing.aws import aws_client
from ticketing.models import ActType, FailedMessage

logger = logging.getLogger(__name__)

_LONGEST_REASON: Final = 500
_MOST_AT_ONCE: Final = 10
# SQS keeps a dead letter 14 days; more than this at once is an incident, and the next run goes on.
_BATCHES: Final = 20
_UNREADABLE: Final = "?"
_LONGEST_NAME: Final = 100


def note_failure(*, message: str, about: str, error: Exception) -> None:
    """
    Keep why a message failed: if it fails to the end, somebody will want to know.

    It is called while something is broken, perhaps the database, and so never fails itself.
    """
    reason, about = _storable(f"{type(error).__name__}: {error}"), _storable(about)
    now = clock.now()
    try:
        failed, is_new = FailedMessage.objects.get_or_create(
            message=message,
            about=about,
            defaults={"reason": reason, "failures": 1, "last_failed_at": now},
        )
        if not is_new:
            FailedMessage.objects.filter(pk=failed.pk).update(
                reason=reason, failures=F("failures") + 1, last_failed_at=now
            )
    except DatabaseError:
        logger.warning("The failure of %s could not be noted.", message, exc_info=True)


def _storable(text: str) -> str:
    """Return a text that PostgreSQL takes: bounded, without NUL and halves of surrogate pairs."""
    return text[:_LONGEST_REASON].replace("\0", "").encode("utf-8", "replace").decode()


def spell_ids(ids: Mapping[str, Any]) -> str:
    """Return what a message is about, in one line."""
    return " ".join(f"{name}={value}" for name, value in sorted(ids.items()))


def collect_dead_letters(*, now: datetime) -> int:
    """
    Move what lies in the dead-letter queues to where people look. Return how many.

    It is written before it is deleted there, so a crash in between writes it again, and once.
    """
    collected = 0
    sqs = aws_client("sqs")
    for queue in settings.SQS_QUEUE_URLS:
        url = dead_letter_url(queue)
        for _ in range(_BATCHES):
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=_MOST_AT_ONCE)
            letters = found.get("Messages", [])
            for letter in letters:
                _keep(queue, letter["Body"], now)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
            collected += len(letters)
            if len(letters) < _MOST_AT_ONCE:
                break
    return collected


def send_again(*, failed: FailedMessage, actor: Actor, now: datetime) -> bool:
    """
    Put a dead message back into its queue, as it was. Return whether it was one.

    Twice sends twice, which is harmless: each message may come more than once anyway.
    """
    if failed.died_at is None or not failed.body:
        return False
    url = settings.SQS_QUEUE_URLS[failed.queue]
    aws_client("sqs").send_message(QueueUrl=url, MessageBody=failed.body)
    with transaction.atomic():
        FailedMessage.objects.filter(pk=failed.pk).update(sent_again_at=now)
        record_act(
            act=ActType.MESSAGE_SENT_AGAIN,
            actor=actor,
            subject_id=failed.pk,
            organizer_id=None,
            at=now,
            details={"message": failed.message},
        )
    return True


def forget_failures(*, now: datetime) -> None:
    """Clear away failures long past: of messages that succeeded later, or were sent again."""
    old = FailedMessage.objects.filter(last_failed_at__lt=now - FailedMessage.KEPT)
    old.filter(died_at=None).delete()
    old.filter(sent_again_at__gt=F("died_at")).delete()


def dead_letter_url(queue: str) -> str:
    """Return the address of a queue's dead-letter queue."""
    return f"{settings.SQS_QUEUE_URLS[queue]}-dead"


def _keep(queue: str, body: str, now: datetime) -> None:
    message, about = _read(body)
    FailedMessage.objects.update_or_create(
        message=message,
        about=about,
        defaults={"queue": queue, "body": body, "died_at": now, "sent_again_at": None},
        create_defaults={
            "queue": queue,
            "body": body,
            "died_at": now,
            "last_failed_at": now,
            "failures": 0,
        },
    )


def _read(body: str) -> tuple[str, str]:
    """Return a message's name and what it is about, as Celery and kombu wrote them."""
    try:
        envelope = json.loads(base64.b64decode(body))
        _arguments, ids, _chain = json.loads(base64.b64decode(envelope["body"]))
        name, about = str(envelope["headers"]["task"]), spell_ids(ids)
        if _fits(name, _LONGEST_NAME) and _fits(about, _LONGEST_REASON):
            return name, about
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    # Not one of ours. It is shown as it is: one that could not be kept would come again forever,
    # and keep those behind it from being collected.
    return _UNREADABLE, _storable(body)


def _fits(text: str, length: int) -> bool:
    """Say whether PostgreSQL takes a text: no NUL, and no half of a surrogate pair."""
    text.encode()
    return len(text) <= length and "\0" not in text
