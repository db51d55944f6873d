"""The thread's own connection to Redis."""

from threading import Thread

import pytest
from redis import Redis

from ticketing.redis import get_redis, run_script

RETURN_ONE = "return 1"


def test_threads_that_ended_take_nothing_from_those_that_follow(
    monkeypatch: pytest.MonkeyPatch, redis: Redis
):
    """A server with a thread for each request would end up without a connection."""
    digest = redis.script_load(RETURN_ONE)
    monkeypatch.setattr(get_redis().connection_pool, "max_connections", 3)
    answers: list[object] = []

    for _ in range(10):
        thread = Thread(target=lambda: answers.append(run_script(digest, [], [])))
        thread.start()
        thread.join()

    assert answers == [1] * 10
