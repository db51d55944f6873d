"""The Redis connection of each thread."""

from threading import Thread

import pytest
from redis import Redis

from ticketing.redis import get_redis, run_script

RETURN_ONE = "return 1"


def test_threads_that_have_ended_use_up_no_connections_of_the_pool(
    monkeypatch: pytest.MonkeyPatch, redis: Redis
):
    """Otherwise a server with a thread for each request would run out of connections."""
    digest = redis.script_load(RETURN_ONE)
    monkeypatch.setattr(get_redis().connection_pool, "max_connections", 3)
    replies: list[object] = []

    for _ in range(10):
        thread = Thread(target=lambda: replies.append(run_script(digest, [], [])))
        thread.start()
        thread.join()

    assert replies == [1] * 10
