"""Send messages to SQS, simulated by moto, and run them through Celery as a worker does."""

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
    """Create the queues of the settings in a simulated SQS, and yield a client of it."""
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
    """Receive the next message of a queue. Fail if the queue is empty."""
    with app_or_default().connection_for_read() as connection:
        channel: Any = connection.default_channel
        message: Message | None = channel.basic_get(queue, no_ack=True)
        assert message is not None, f"The queue {queue} is empty."
        return message


def obey(message: Message) -> None:
    """Run the message's task as a worker does, but do not delete the message from SQS."""
    try:
        Request(message, app=app_or_default(), on_ack=_ignore).execute()
    finally:
        clear_contextvars()


def _ignore(*_arguments: Any) -> None:
    pass
