"""Failed messages: recording failures, collecting dead letters, and sending them again."""

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
# Bounds one run. The next run continues, and SQS keeps a dead letter for 14 days.
_BATCHES: Final = 20
_UNREADABLE: Final = "?"
_LONGEST_NAME: Final = 100


def note_failure(*, message: str, about: str, error: Exception) -> None:
    """
    Record why a message failed, for operators.

    It never raises an error of the database: the database may be the reason of the failure.
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
        logger.warning("The failure of %s could not be recorded.", message, exc_info=True)


def _storable(text: str) -> str:
    """Return a text that PostgreSQL can store: bounded, without NUL and lone surrogates."""
    return text[:_LONGEST_REASON].replace("\0", "").encode("utf-8", "replace").decode()


def spell_ids(ids: Mapping[str, Any]) -> str:
    """Return the ids of a message as one line of text."""
    return " ".join(f"{name}={value}" for name, value in sorted(ids.items()))


def collect_dead_letters(*, now: datetime) -> int:
    """
    Move all messages of the dead-letter queues to the table of failed messages. Return how many.

    Each one is stored before it is deleted from SQS. After a crash in between, it is collected
    again and updates the same row.
    """
    collected = 0
    sqs = aws_client("sqs")
    for queue in settings.SQS_QUEUE_URLS:
        url = dead_letter_url(queue)
        for _ in range(_BATCHES):
            found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=_MOST_AT_ONCE)
            letters = found.get("Messages", [])
            for letter in letters:
                _store(queue, letter["Body"], now)
                sqs.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
            collected += len(letters)
            if len(letters) < _MOST_AT_ONCE:
                break
    return collected


def send_again(*, failed: FailedMessage, actor: Actor, now: datetime) -> bool:
    """
    Send a dead message to its queue again, unchanged. Return False if the message is not dead.

    Two calls send it twice. That is harmless, because every task may run twice.
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
    """Delete old failures of messages that SQS did not give up, or that were sent again."""
    old = FailedMessage.objects.filter(last_failed_at__lt=now - FailedMessage.KEPT)
    old.filter(died_at=None).delete()
    old.filter(sent_again_at__gt=F("died_at")).delete()


def dead_letter_url(queue: str) -> str:
    """Return the URL of a queue's dead-letter queue."""
    return f"{settings.SQS_QUEUE_URLS[queue]}-dead"


def _store(queue: str, body: str, now: datetime) -> None:
    message, about = _parse(body)
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


def _parse(body: str) -> tuple[str, str]:
    """Return the name and the ids of a message in the format of Celery and kombu."""
    try:
        envelope = json.loads(base64.b64decode(body))
        _arguments, ids, _chain = json.loads(base64.b64decode(envelope["body"]))
        name, about = str(envelope["headers"]["task"]), spell_ids(ids)
        if _fits(name, _LONGEST_NAME) and _fits(about, _LONGEST_REASON):
            return name, about
    except (binascii.Error, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    # The message was not sent by us. It must be stored all the same: a message that is not deleted
    # from the dead-letter queue is received again in each run, and delays those behind it.
    return _UNREADABLE, _storable(body)


def _fits(text: str, length: int) -> bool:
    """
    Return whether PostgreSQL can store a text in a column of this length.

    :raises UnicodeEncodeError: if the text has a lone surrogate
    """
    text.encode()
    return len(text) <= length and "\0" not in text
