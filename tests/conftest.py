"""Fixtures of every test: a real PostgreSQL, an empty Valkey, a queue that records messages."""

import gc
import os
from collections.abc import Iterator
from typing import Any, Final

import hypothesis
import pytest
from django.core.cache import cache
from pytest_django import DjangoDbBlocker
from redis import Redis
from rest_framework.test import APIClient
from structlog.contextvars import clear_contextvars
from xdist.scheduler import LoadFileScheduling

from events.event_cache import clear_event_cache
from events.list_answers import clear_query_cache
from events.listing import clear_page_cache
from events.pages.live import clear_live_events
from events.pages.live_catalogue import clear_live_catalogue
from events.stock.cold import clear_recorded_figures
from tests.copying import use_a_copy
from tests.documented import check_responses
from tests.emptying import empty_quickly
from tests.queue import RecordingQueue
from tests.servers import OWN_SERVER
from ticketing.queue import messages, next_steps
from ticketing.redis import get_redis
from tickets.door.watch import forget_doors

empty_quickly()
check_responses()
# Hypothesis fails an example that takes over 200 ms, which says nothing on a busy machine.
hypothesis.settings.register_profile("without deadline", deadline=None)
hypothesis.settings.load_profile("without deadline")

# All files of this folder run in one process, because they share a stack and a browser.
_TOGETHER: Final = "tests/browser/"
# What takes long begins first. At the end of the others, no process is left alone with it.
_FIRST: Final = (
    _TOGETHER,
    "tests/pages/test_admin_roles.py",
    "tests/api/",
    "tests/engine/",
    "tests/system/",
    "tests/pages/",
    "tests/ticketing/queue/",
    "tests/tickets/webhooks/",
    "tests/events/test_same_rules.py",
)


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(_TOGETHER) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    return _Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    found = (place for place, path in enumerate(_FIRST) if item.nodeid.startswith(path))
    return next(found, len(_FIRST))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """Migrate a database, or copy one that another process of pytest-xdist has migrated."""
    worker = getattr(request.config, "workerinput", {}).get("workerid")
    if worker and OWN_SERVER in os.environ:
        with django_db_blocker.unblock():
            use_a_copy(f"test_{worker}")
    else:
        request.getfixturevalue("django_db_setup")
    # What was loaded so far stays until the end. `tests/servers.py` has switched the collector off.
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def redis() -> Iterator[Redis]:
    """Empty Redis and all caches before every test. The loaded Lua scripts stay in Redis."""
    client = get_redis()
    client.flushdb()
    clear_event_cache()
    clear_recorded_figures()
    clear_page_cache()
    clear_query_cache()
    clear_live_events()
    clear_live_catalogue()
    forget_doors()
    yield client
    cache.close()


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> RecordingQueue:
    """Record messages instead of sending them to SQS."""
    recording = RecordingQueue()
    monkeypatch.setattr(messages, "_send", recording.send)
    next_steps.forget_rests()
    return recording


@pytest.fixture(autouse=True)
def clear_log_context() -> None:
    """Remove ids that a task called by the previous test left in the log context."""
    clear_contextvars()


@pytest.fixture
def api() -> APIClient:
    """Return an anonymous client. An exception in a view becomes a 500 response, not an error."""
    return APIClient(raise_request_exception=False)
