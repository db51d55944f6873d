"""The local stack: its servers, its child processes, its folder and its port."""

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import boto3
import psutil
import psycopg
import pytest
from django.core.management import call_command
from moto import mock_aws

from ticketing.rates import read_policy
from ticketing.stack import services
from ticketing.stack.environment import (
    PROJECT,
    RATE_LIMITS,
    UNREACHABLE_LIMIT,
    Folder,
    make_env,
    read_env,
    write_env,
    write_stack,
)
from ticketing.stack.processes import Child, Roster, kill_leftovers
from ticketing.stack.run import StackError, reset


def stack(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ticketing.stack", *command],
        cwd=PROJECT,
        env=os.environ | {"STACK_DIR": str(directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def sleeper(directory: Path, name: str = "sleeper") -> Child:
    return Child(
        name, [sys.executable, "-c", "import time; time.sleep(600)"], log=directory / "log"
    )


def wait_until_gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(10)
    except psutil.NoSuchProcess:
        return True
    return not psutil.pid_exists(pid)


def test_a_postgresql_keeps_its_data_over_a_restart_until_the_reset(tmp_path: Path):
    server = services.postgres(tmp_path)
    with services.running(server) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.commit()
    assert wait_until_gone(server.child.pid)

    with services.running(services.postgres(tmp_path)) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    reset(Folder(tmp_path))
    assert not services.postgres_folder(tmp_path).exists()


def test_a_port_in_use_stops_the_start_with_a_message_and_no_traceback(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind((services.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = stack(tmp_path, "run", "--port", str(port))

    assert done.returncode == 1
    assert f"Port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "stack.json").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_an_invalid_port_number_is_refused(tmp_path: Path, port: str):
    done = stack(tmp_path, "run", f"--port={port}")

    assert done.returncode == 2
    assert "number from 1 to 65535" in done.stderr


def test_the_folder_of_a_running_stack_is_neither_shared_nor_deleted(tmp_path: Path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = stack(tmp_path, "run", "--port", str(services.free_port()))
        with pytest.raises(StackError, match="runs in this folder already"):
            reset(Folder(tmp_path))

    assert (second.returncode, "already" in second.stderr) == (1, True)
    assert tmp_path.exists()


def test_secrets_stay_the_same_over_restarts_and_only_their_owner_can_read_them(tmp_path: Path):
    folder = Folder(tmp_path)

    def start() -> dict[str, str]:
        env = make_env(
            folder, port=8000, database_url="d", redis_url="r", aws_url="a", overrides={}
        )
        write_env(folder, env)
        return env

    first, second = start(), start()
    written = write_stack(folder, port=8000, env=second)

    assert first == second == read_env(folder)
    assert len({first["SECRET_KEY"], first["TICKET_SIGNING_SECRET"], first["DEMO_API_TOKEN"]}) == 3
    assert json.loads(folder.stack.read_text()) == written
    assert set(written) == {
        "url", "admin", "api_token", "device_token", "database_url", "redis_url",
        "aws_endpoint_url", "mailbox_url",
    }  # fmt: skip
    assert {folder.env.stat().st_mode & 0o777, folder.stack.stat().st_mode & 0o777} == {0o600}


def test_the_stacks_rate_limits_are_very_high_unless_the_environment_sets_others(tmp_path: Path):
    def limits(overrides: dict[str, str]) -> set[str]:
        env = make_env(
            Folder(tmp_path),
            port=8000,
            database_url="d",
            redis_url="r",
            aws_url="a",
            overrides=overrides,
        )
        return {env[name] for name in RATE_LIMITS}

    assert limits({}) == {UNREACHABLE_LIMIT}
    assert limits({"RATE_LIMIT_READ": "9/60:9/60"}) == {UNREACHABLE_LIMIT, "9/60:9/60"}
    (far,) = {read_policy(name, UNREACHABLE_LIMIT).per_address for name in RATE_LIMITS}
    assert far is not None
    # A hundred times the requests per second that one machine can serve.
    assert far.count / far.seconds > 100_000


def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children(tmp_path: Path):
    stubborn = Child(
        "stubborn",
        [
            sys.executable,
            "-c",
            (
                "import signal,subprocess,sys,time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
                "p=subprocess.Popen([sys.executable,'-c','import time; time.sleep(600)']);"
                "print(p.pid,flush=True); time.sleep(600)"
            ),
        ],
        log=tmp_path / "log",
        patience=0.5,
    )
    stubborn.start()
    deadline = time.monotonic() + 10
    while not stubborn.log.read_text() and time.monotonic() < deadline:
        time.sleep(0.02)
    grandchild = int(stubborn.log.read_text())

    stubborn.stop()

    assert wait_until_gone(stubborn.pid)
    assert wait_until_gone(grandchild)


def test_leftovers_of_a_killed_stack_are_killed_but_no_other_process_with_a_reused_id(
    tmp_path: Path,
):
    roster = Roster(tmp_path / "processes.json")
    leftover, other = sleeper(tmp_path, "leftover"), sleeper(tmp_path, "other")
    roster.start(leftover)
    roster.start(other)
    written = json.loads(roster.file.read_text())
    # Another start time means that the kernel gave the id to another process.
    written["other"][1] -= 1000
    roster.file.write_text(json.dumps(written))
    try:
        assert kill_leftovers(roster.file) == ["leftover"]
        assert wait_until_gone(leftover.pid)
        assert not other.has_died()
    finally:
        leftover.stop()
        other.stop()


def test_the_children_of_a_killed_parent_die_with_it(tmp_path: Path):
    program = (
        "import sys,time; from pathlib import Path; from ticketing.stack.processes import Child;"
        "c=Child('c',[sys.executable,'-c','import time; time.sleep(600)'],log=Path(sys.argv[1]));"
        "c.start(); print(c.pid,flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "log")]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()

    assert wait_until_gone(child)


def test_provisioning_aws_twice_makes_each_queue_and_its_dead_letter_queue_once(settings):
    settings.AWS_ENDPOINT_URL = ""
    with mock_aws():
        sqs = boto3.client("sqs", region_name=settings.AWS_REGION)
        # Somebody has made these queues by hand, with SQS's own defaults.
        for name in ("bilheteria-sale", "bilheteria-sale-dead"):
            sqs.create_queue(QueueName=name)
        call_command("provision_aws")
        call_command("provision_aws")

        urls = sqs.list_queues()["QueueUrls"]
        attributes = sqs.get_queue_attributes(
            QueueUrl=settings.SQS_QUEUE_URLS["sale"], AttributeNames=["All"]
        )["Attributes"]
        kept = sqs.get_queue_attributes(
            QueueUrl=f"{settings.SQS_QUEUE_URLS['sale']}-dead",
            AttributeNames=["MessageRetentionPeriod"],
        )["Attributes"]["MessageRetentionPeriod"]
        s3 = boto3.client("s3", region_name=settings.AWS_REGION)
        block = s3.get_public_access_block(Bucket=settings.TICKETS_BUCKET)

    assert len(urls) == 2 * len(settings.SQS_QUEUE_URLS) == 10
    redrive = json.loads(attributes["RedrivePolicy"])
    assert redrive["maxReceiveCount"] == settings.SQS_MAX_RECEIVES
    assert int(kept) == timedelta(days=14).total_seconds()
    assert redrive["deadLetterTargetArn"].endswith("bilheteria-sale-dead")
    assert all(block["PublicAccessBlockConfiguration"].values())


def test_a_free_port_is_below_those_that_the_kernel_gives_to_outgoing_connections():
    # The lowest of these ports, on Linux.
    assert all(services.free_port() < 32_768 for _ in range(50))


def test_a_port_in_use_is_not_returned_as_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert services.free_port(preferred=port) != port
