"""Liveness of this process, and readiness: whether PostgreSQL, Redis, SQS and S3 answer."""

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
    """A service that the process needs does not answer."""

    code = "not_ready"
    title = "Not ready to serve"

    def __init__(self, checks: dict[str, str] | None = None) -> None:
        if checks is None:
            super().__init__("A service that this process needs does not answer. Retry later.")
            return
        away = [name for name, state in checks.items() if state == AWAY]
        super().__init__(f"These services do not answer: {', '.join(away)}. Retry later.")
        self.details = {"checks": checks}


class LivenessShown(serializers.Serializer[Any]):
    """The process answers."""

    status = serializers.ChoiceField(choices=[OK])


class Liveness(APIView):
    authentication_classes = []

    @operation("get_liveness", answers={200: LivenessShown}, probe=True)
    def get(self, request: Request) -> Response:
        """Return that the process answers. No other service is checked."""
        return Response({"status": OK})


def check_readiness() -> dict[str, str]:
    """
    Check each service that the process needs. Return `ok` for each.

    :raises NotReady: if one of them does not answer
    """
    checks = {name: OK if _succeeds(check) else AWAY for name, check in _CHECKS.items()}
    if AWAY in checks.values():
        raise NotReady(checks)
    return checks


def _succeeds(check: Callable[[], object]) -> bool:
    try:
        check()
    except (DatabaseError, RedisError, BotoCoreError, ClientError):
        return False
    return True


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _check_redis() -> None:
    get_redis().ping()


def _check_queue() -> None:
    aws_client("sqs").get_queue_attributes(
        QueueUrl=settings.SQS_QUEUE_URLS["sale"], AttributeNames=["QueueArn"]
    )


def _check_storage() -> None:
    aws_client("s3").head_bucket(Bucket=settings.TICKETS_BUCKET)


_CHECKS: dict[str, Callable[[], None]] = {
    "database": _check_database,
    "redis": _check_redis,
    "queue": _check_queue,
    "storage": _check_storage,
}
