"""A real worker and a real beat with an SQS that fails: they stay, they poll on, they can stop."""

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
    """One of our processes, with no database, no Redis and no AWS but the broken SQS."""

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

    def ask_health(self, *, within: int = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ticketing.queue.health", "--within", str(within)],
            cwd=settings.BASE_DIR,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def is_known(self) -> bool:
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


def test_a_worker_polls_on_whatever_sqs_does_and_ends_when_asked(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    # The first receive of each queue is refused.
    worker = start_worker(resources, tmp_path, sqs)
    worker.wait_until(worker.is_known)
    assert worker.ask_health().returncode == 0
    resources.enter_context(sqs.serving())
    worker.wait_until(lambda: polls(sqs) > 2)

    for misbehave in (say(503), say(403), say(200, b"not json"), reset):
        before = polls(sqs)
        sqs.always["ReceiveMessage"] = misbehave
        worker.wait_until(partial(lambda before: polls(sqs) > before + 1, before))
    sqs.always["ReceiveMessage"] = obey
    before = polls(sqs)
    worker.wait_until(lambda: polls(sqs) > before + 5)
    assert worker.ask_health().returncode == 0

    worker.process.terminate()
    assert worker.process.wait(PATIENCE_SECONDS) == 0, worker.log.read_text()
    assert not worker.is_known()


def test_a_worker_that_hangs_is_not_well_until_it_goes_on(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    resources.enter_context(sqs.serving())
    worker = start_worker(resources, tmp_path, sqs)
    worker.wait_until(worker.is_known)
    process = psutil.Process(worker.process.pid)

    process.suspend()
    worker.wait_until(lambda: worker.ask_health(within=8).returncode == 1)
    assert "has not polled" in worker.ask_health(within=8).stdout
    process.resume()

    worker.wait_until(lambda: worker.ask_health(within=8).returncode == 0)


def test_a_worker_is_not_kept_from_ending_by_an_sqs_that_hangs(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    """Its messages are in its hands, it cannot give them back, and no poll is answered."""
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

    # Its container gets 60 s. Calls without a time limit of their own would take longer.
    assert worker.process.wait(45) == 0, worker.log.read_text()


def test_beat_stays_when_sqs_fails_and_its_health_tells_whether_it_goes_on(
    sqs: BrokenSqs, resources: ExitStack, tmp_path: Path
):
    beat = Program(tmp_path, sqs, "beat", "-s", str(tmp_path / "schedule"), "--pidfile=")
    resources.callback(beat.end)
    # Nobody answers yet.
    beat.wait_until(beat.is_known)
    assert beat.ask_health().returncode == 0
    resources.enter_context(sqs.serving())
    sqs.misbehaviors["SendMessage"].extend([say(503), reset, hang, say(200, b"not json")])
    beat.wait_until(lambda: sqs.calls["SendMessage", "upkeep"] > 8)

    process = psutil.Process(beat.process.pid)
    process.suspend()
    beat.wait_until(lambda: beat.ask_health(within=8).returncode == 1)
    process.resume()

    beat.wait_until(lambda: beat.ask_health(within=8).returncode == 0)
    beat.process.terminate()
    assert beat.process.wait(PATIENCE_SECONDS) == 0
    assert not beat.is_known()


def test_a_worker_need_not_look_through_all_that_it_loaded_when_it_ends():
    """That took it 20 seconds on a busy machine, after its last word."""
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
    """Return a message whose envelope is kombu's, and whose body is not JSON."""
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

    def is_over() -> bool:
        # The second one's task is known, so it is put off as the queue says.
        ends = {("ChangeMessageVisibility", "sale"), ("DeleteMessage", "sale")}
        return bool(ends & sqs.calls.keys())

    worker.wait_until(is_over)
    before = polls(sqs)
    worker.wait_until(lambda: polls(sqs) > before + 2)
    deletions = {call: n for call, n in sqs.calls.items() if call[0].startswith("DeleteMessage")}
    assert deletions == {}, worker.log.read_text()
