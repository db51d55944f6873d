"""A real worker and a real beat with a failing SQS: they keep running and polling, and can stop."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from tests.sqs import REGION, BrokenSqs, Handler, hang, obey, reset, say
from ticketing.queue.polls import read_polls
from ticketing.stack.environment import inherited_environment

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 60
QUEUES = ("sale", "upkeep")


class Program:
    """A worker or beat process. Its only server is a `BrokenSqs`: no database, no Redis."""

    def __init__(self, folder: Path, sqs: BrokenSqs, *command: str) -> None:
        self.polls = folder / "metrics"
        self.log = folder / "log"
        env = {
            **inherited_environment(),
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "SECRET_KEY": "a-secret-of-a-test",
            "TICKET_SIGNING_SECRET": "another-secret-of-a-test",
            "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "AWS_ENDPOINT_URL": sqs.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "PROMETHEUS_MULTIPROC_DIR": str(self.polls),
            **{f"SQS_{name.upper()}_QUEUE_URL": sqs.queue_url(name) for name in QUEUES},
        }
        self.env = env
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", *command],
                cwd=settings.BASE_DIR,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def check_health(self, *, within: int = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ticketing.queue.health", "--within", str(within)],
            cwd=settings.BASE_DIR,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def has_polls(self) -> bool:
        """Return whether the process has written its polls for the health check."""
        return self.polls.exists() and bool(list(read_polls(self.polls)))

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def sqs() -> BrokenSqs:
    return BrokenSqs()


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def start_worker(resources: ExitStack, folder: Path, sqs: BrokenSqs) -> Program:
    worker = Program(
        folder, sqs, "worker", "-Q", ",".join(QUEUES), "-c", "1",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
    )  # fmt: skip
    resources.callback(worker.end)
    return worker


def polls(sqs: BrokenSqs) -> int:
    return min(sqs.calls["ReceiveMessage", queue] for queue in QUEUES)


def test_a_worker_keeps_polling_through_every_failure_of_sqs_and_ends_on_sigterm(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    # SQS does not run yet, so the first connection of each queue is refused.
    worker = start_worker(resources, tmp_path, sqs)
    worker.wait_until(worker.has_polls)
    assert worker.check_health().returncode == 0
    resources.enter_context(sqs.serving())
    worker.wait_until(lambda: polls(sqs) > 2)

    for misbehave in (say(503), say(403), say(200, b"not json"), reset):
        before = polls(sqs)
        sqs.always["ReceiveMessage"] = misbehave
        worker.wait_until(partial(lambda before: polls(sqs) > before + 1, before))
    sqs.always["ReceiveMessage"] = obey
    before = polls(sqs)
    worker.wait_until(lambda: polls(sqs) > before + 5)
    assert worker.check_health().returncode == 0

    worker.process.terminate()
    assert worker.process.wait(PATIENCE_SECONDS) == 0, worker.log.read_text()
    assert not worker.has_polls()


def test_a_worker_that_hangs_is_unhealthy_until_it_continues(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    resources.enter_context(sqs.serving())
    worker = start_worker(resources, tmp_path, sqs)
    worker.wait_until(worker.has_polls)
    process = psutil.Process(worker.process.pid)

    process.suspend()
    worker.wait_until(lambda: worker.check_health(within=8).returncode == 1)
    assert "has not polled" in worker.check_health(within=8).stdout
    process.resume()

    worker.wait_until(lambda: worker.check_health(within=8).returncode == 0)


def test_a_worker_ends_within_its_grace_period_while_sqs_hangs(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    """It has fetched messages, cannot return them, and no poll gets a response."""
    resources.enter_context(sqs.serving())
    worker = start_worker(resources, tmp_path, sqs)
    worker.wait_until(lambda: polls(sqs) > 2)

    def hang_all(handler: Handler) -> None:
        hang(handler)

    for operation in ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibilityBatch"):
        sqs.always[operation] = hang_all
    before = polls(sqs)
    worker.wait_until(lambda: polls(sqs) > before)

    worker.process.terminate()

    # The container's grace period is 60 s. SQS calls without a timeout would take longer.
    assert worker.process.wait(45) == 0, worker.log.read_text()


def test_beat_keeps_running_when_sqs_fails_and_its_health_check_detects_a_hang(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    beat = Program(tmp_path, sqs, "beat", "-s", str(tmp_path / "schedule"), "--pidfile=")
    resources.callback(beat.end)
    # SQS does not run yet.
    beat.wait_until(beat.has_polls)
    assert beat.check_health().returncode == 0
    resources.enter_context(sqs.serving())
    sqs.misbehaviors["SendMessage"].extend([say(503), reset, hang, say(200, b"not json")])
    beat.wait_until(lambda: sqs.calls["SendMessage", "upkeep"] > 8)

    process = psutil.Process(beat.process.pid)
    process.suspend()
    beat.wait_until(lambda: beat.check_health(within=8).returncode == 1)
    process.resume()

    beat.wait_until(lambda: beat.check_health(within=8).returncode == 0)
    beat.process.terminate()
    assert beat.process.wait(PATIENCE_SECONDS) == 0
    assert not beat.has_polls()


def test_a_worker_freezes_its_loaded_objects_for_a_fast_exit():
    """Without it the garbage collection at exit took 20 seconds on a busy machine."""
    program = """
import gc
from celery.signals import worker_init
from config import celery_app
celery_app.loader.import_default_modules()
worker_init.send(sender=None)
left = len(gc.get_objects())
print(gc.get_freeze_count() / (gc.get_freeze_count() + left))
"""
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert float(done.stdout) > 0.95


def damaged(headers: dict[str, str]) -> str:
    """Return a message in kombu's envelope with a body that is not JSON."""
    envelope = {
        "body": base64.b64encode(b"not json").decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "body_encoding": "base64",
            "delivery_info": {"exchange": "sale", "routing_key": "sale"},
            "delivery_tag": "1",
        },
    }
    return base64.b64encode(json.dumps(envelope).encode()).decode()


def test_a_message_that_no_worker_can_read_is_not_deleted(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    resources.enter_context(sqs.serving())
    sqs.put("sale", damaged({}))
    sqs.put("sale", damaged({"task": "tickets.settle_order", "id": "1"}))
    worker = start_worker(resources, tmp_path, sqs)

    def is_handled() -> bool:
        # The second message names a known task, so the worker delays it by the queue's backoff.
        ends = {("ChangeMessageVisibility", "sale"), ("DeleteMessage", "sale")}
        return bool(ends & sqs.calls.keys())

    worker.wait_until(is_handled)
    before = polls(sqs)
    worker.wait_until(lambda: polls(sqs) > before + 2)
    deletions = {call: n for call, n in sqs.calls.items() if call[0].startswith("DeleteMessage")}
    assert deletions == {}, worker.log.read_text()
