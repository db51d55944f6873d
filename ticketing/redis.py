"""The one Redis client."""

from functools import cache

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

_TIMEOUT_SECONDS = 0.5


@cache
def get_redis() -> Redis:
    """
    Return the shared client. Its timeouts are short: a buyer is told at once that Redis is away.

    A connection found dead is opened again once; an answer that is late is not waited for again.
    """
    return Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        health_check_interval=30,
    )
