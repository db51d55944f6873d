"""Fixtures of every test: an empty Valkey, a recorded queue, an API client. PostgreSQL is real."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from redis import Redis
from rest_framework.test import APIClient
from structlog.contextvars import clear_contextvars

from events.event_cache import clear_event_cache
from events.list_answers import forget_queries
from events.listing import forget_pages
from events.stock.cold import forget_recorded_figures
from tests.emptying import empty_quickly
from tests.queue import RecordingQueue
from ticketing.queue import messages, next_steps
from ticketing.redis import get_redis

empty_quickly()


@pytest.fixture(autouse=True)
def redis() -> Iterator[Redis]:
    """Empty Redis and the caches of this process before each test. Scripts stay loaded."""
    client = get_redis()
    client.flushdb()
    clear_event_cache()
    forget_recorded_figures()
    forget_pages()
    forget_queries()
    yield client
    cache.close()


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> RecordingQueue:
    """Record the messages that the code sends, instead of sending them to SQS."""
    recording = RecordingQueue()
    monkeypatch.setattr(messages, "_send", recording.send)
    next_steps.forget_rests()
    return recording


@pytest.fixture(autouse=True)
def no_names_in_the_log() -> None:
    """Clear the log context that an earlier test may have left by calling a task directly."""
    clear_contextvars()


@pytest.fixture
def api() -> APIClient:
    """Return a client without credentials. An unexpected exception becomes a 500 response."""
    return APIClient(raise_request_exception=False)
