"""Is this process alive, and can it reach what it needs?"""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ticketing.api.schema import operation
from ticketing.aws import aws_client
from ticketing.errors import Unavailable
from ticketing.redis import get_redis

OK, AWAY = "ok", "away"


class NotReady(Unavailable):
    """Something that we need does not answer."""

    code = "not_ready"
    title = "Not ready to serve"

    def __init__(self, checks: dict[str, str] | None = None) -> None:
        if checks is None:
            super().__init__("Something that it needs does not answer.")
            return
        away = [name for name, state in checks.items() if state == AWAY]
        super().__init__(f"No answer from: {', '.join(away)}.")
        self.details = {"checks": checks}


class LivenessShown(serializers.Serializer[Any]):
    """The process answers."""

    status = serializers.ChoiceField(choices=[OK])


class Liveness(APIView):
    authentication_classes = []

    @operation("get_liveness", answers={200: LivenessShown}, probe=True)
    def get(self, request: Request) -> Response:
        """Say that the process answers. It asks nothing else."""
        return Response({"status": OK})


def check_readiness() -> dict[str, str]:
    """
    Ask everything that we need whether it answers. Return `ok` for each.

    :raises NotReady: if any of them does not
    """
    checks = {name: OK if _answers(ask) else AWAY for name, ask in _QUESTIONS.items()}
    if AWAY in checks.values():
        raise NotReady(checks)
    return checks


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (DatabaseError, RedisError, BotoCoreError, ClientError):
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_redis() -> None:
    get_redis().ping()


def _ask_queue() -> None:
    aws_client("sqs").get_queue_attributes(
        QueueUrl=settings.SQS_QUEUE_URLS["sale"], AttributeNames=["QueueArn"]
    )


def _ask_storage() -> None:
    aws_client("s3").head_bucket(Bucket=settings.TICKETS_BUCKET)


_QUESTIONS: dict[str, Callable[[], None]] = {
    "database": _ask_database,
    "redis": _ask_redis,
    "queue": _ask_queue,
    "storage": _ask_storage,
}
