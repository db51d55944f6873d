"""What every test stands on: real PostgreSQL, an empty Valkey, a queue that waits."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from redis import Redis
from rest_framework.test import APIClient
from structlog.contextvars import clear_contextvars

from events.event_cache import clear_event_cache
from events.list_answers import clear_query_cache
from events.listing import clear_page_cache
from events.stock.cold import clear_recorded_figures
from tests.emptying import empty_quickly
from tests.queue import RecordingQueue
from ticketing.queue import messages, next_steps
from ticketing.redis import get_redis

empty_quickly()


@pytest.fixture(autouse=True)
def redis() -> Iterator[Redis]:
    """Give every test an empty Redis that keeps its scripts, as one that runs on does."""
    client = get_redis()
    client.flushdb()
    clear_event_cache()
    clear_recorded_figures()
    clear_page_cache()
    clear_query_cache()
    yield client
    cache.close()


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> RecordingQueue:
    """Record messages in place of sending them."""
    recording = RecordingQueue()
    monkeypatch.setattr(messages, "_send", recording.send)
    next_steps.forget_rests()
    return recording


@pytest.fixture(autouse=True)
def no_names_in_the_log() -> None:
    """Forget the request and the task of the test before: one may have called a task itself."""
    clear_contextvars()


@pytest.fixture
def api() -> APIClient:
    """Return somebody whom nobody knows. A bug of ours is an answer to him, not an exception."""
    return APIClient(raise_request_exception=False)
