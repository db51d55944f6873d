"""The queue as it is: SQS by moto, written by what writes to it, obeyed as a worker obeys."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from celery.app import app_or_default
from celery.worker.request import Request
from django.conf import settings
from kombu import Message
from moto import mock_aws
from structlog.contextvars import clear_contextvars

from ticketing.aws import aws_client


@contextmanager
def pretended_queues() -> Iterator[Any]:
    """Make the queues of the settings, which Celery finds there for the while."""
    aws_client.cache_clear()
    with mock_aws():
        sqs = boto3.client("sqs", region_name=settings.AWS_REGION)
        for url in settings.SQS_QUEUE_URLS.values():
            sqs.create_queue(QueueName=url.rsplit("/", 1)[-1])
        try:
            yield sqs
        finally:
            aws_client.cache_clear()


def fetch(queue: str) -> Message:
    """Return the next message of a queue, which must be there."""
    with app_or_default().connection_for_read() as connection:
        channel: Any = connection.default_channel
        message: Message | None = channel.basic_get(queue, no_ack=True)
        assert message is not None, f"Nothing is in the queue {queue}."
        return message


def obey(message: Message) -> None:
    """Do what a worker does with a message, but for telling SQS that it is done."""
    try:
        Request(message, app=app_or_default(), on_ack=_ignore).execute()
    finally:
        clear_contextvars()


def _ignore(*_told: Any) -> None:
    pass
