"""The health check of workers: it reads the times of their polls from files, without Django."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from prometheus_client import CollectorRegistry

from ticketing.queue.figures import PollAges
from ticketing.queue.health import find_fault
from ticketing.queue.polls import (
    Polls,
    clear_away_old_polls,
    forget_polls,
    read_polls,
    write_polls,
)

NOW = 1_800_000_000.0


def write(folder: Path, *, host: str, pid: int, written_at: float, **polled_at: float) -> None:
    text = f'{{"host": "{host}", "pid": {pid}, "written_at": {written_at}, "polled_at": '
    text += str(polled_at).replace("'", '"') + "}"
    (folder / f"polls.{host}.{pid}.json").write_text(text)


@pytest.fixture
def dead() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_worker_that_polls_all_its_queues_is_healthy(tmp_path: Path):
    write_polls(tmp_path, {"sale": NOW - 20, "upkeep": NOW - 1})

    assert find_fault(tmp_path, within=60, now=NOW) == ""


def test_a_worker_that_does_not_poll_one_of_its_queues_is_unhealthy(tmp_path: Path):
    write_polls(tmp_path, {"sale": NOW - 61, "upkeep": NOW - 1})

    worker = f"{socket.gethostname()}-{os.getpid()}"
    fault = find_fault(tmp_path, within=60, now=NOW)
    assert fault == f"{worker} has not polled sale for 61 s."


def test_a_worker_whose_event_loop_hangs_is_unhealthy(tmp_path: Path):
    write_polls(tmp_path, {"sale": NOW})

    assert find_fault(tmp_path, within=60, now=NOW + 61) != ""


def test_a_container_without_a_worker_is_unhealthy(tmp_path: Path, dead: int):
    write(tmp_path, host="another", pid=os.getpid(), written_at=NOW, sale=NOW)
    write(tmp_path, host=socket.gethostname(), pid=dead, written_at=NOW, sale=NOW)

    assert find_fault(tmp_path, within=60, now=NOW) == (
        "No worker of this host has polled a queue yet."
    )


def test_a_worker_that_ends_normally_leaves_no_file(tmp_path: Path):
    write_polls(tmp_path, {"sale": NOW})

    forget_polls(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_new_worker_deletes_the_files_of_killed_workers(tmp_path: Path, dead: int):
    write(tmp_path, host=socket.gethostname(), pid=dead, written_at=NOW, sale=NOW)
    write(tmp_path, host="long-gone", pid=1, written_at=NOW - 90_000, sale=NOW - 90_000)
    write(tmp_path, host="another", pid=1, written_at=NOW - 10, sale=NOW)
    (tmp_path / "polls.torn.1.json").write_text("{")

    clear_away_old_polls(tmp_path, now=NOW)

    assert list(read_polls(tmp_path)) == [Polls("another", 1, NOW - 10, {"sale": NOW})]


def test_the_metric_shows_running_workers_and_leaves_out_dead_ones(tmp_path: Path):
    now = time.time()
    write(tmp_path, host="a", pid=1, written_at=now, sale=now - 30, upkeep=now)
    write(tmp_path, host="b", pid=1, written_at=now - 61, sale=now - 61)
    registry = CollectorRegistry()
    registry.register(PollAges())

    with override_settings(METRICS_DIR=str(tmp_path)):
        shown = {
            tuple(sample.labels.values()): sample.value
            for family in registry.collect()
            for sample in family.samples
        }

    assert set(shown) == {("sale", "a-1"), ("upkeep", "a-1")}
    assert shown["sale", "a-1"] == pytest.approx(30, abs=5)


def run_check(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "ticketing.queue.health"],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_exit_code_of_the_command_is_the_result_and_django_is_not_imported(tmp_path: Path):
    assert run_check().returncode == 1
    write_polls(tmp_path, {"sale": time.time()})
    done = run_check(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert "django" not in done.stderr
    assert "celery" not in done.stderr

    write_polls(tmp_path, {"sale": time.time() - 130})
    done = run_check(PROMETHEUS_MULTIPROC_DIR=str(tmp_path))
    assert done.returncode == 1
    # The command counts until it runs, which takes some seconds on a busy machine.
    assert re.search(r"has not polled sale for 1[3-9]\d s\.", done.stdout)
