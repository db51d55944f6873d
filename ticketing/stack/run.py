"""Starts the whole system on one machine, watches its processes, and stops them all."""

import os
import shutil
import time
import urllib.error
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from ticketing.stack import development, services
from ticketing.stack.claim import check_port, only_one, prepare_folder, set_logs_aside
from ticketing.stack.environment import (
    PER_BUYER_LIMITS,
    PROJECT,
    RATE_LIMITS,
    Folder,
    inherited_environment,
    make_env,
    read_env,
    write_env,
    write_stack,
)
from ticketing.stack.narration import greet, say, step
from ticketing.stack.places import plain_folder
from ticketing.stack.processes import Child, Roster, StackError, kill_leftovers
from ticketing.stack.programs import Programs
from ticketing.stack.serving import get_url
from ticketing.stack.stopping import Stopped, StopRequest

__all__ = ["StackError", "Stopped", "compile_translations", "reset", "run"]

_READY_SECONDS: Final = 60
# Environment variables that override the local stack's own values, for tests and tools.
_PASSED_ON: Final = (
    "SQS_VISIBILITY_SECONDS",
    "SQS_BACKOFF_SECONDS",
    "ASK_AGAIN_SECONDS",
    "LOG_LEVEL",
    "CORS_ALLOWED_ORIGINS",
    "TRUSTED_PROXY_HOPS",
    *RATE_LIMITS,
    *PER_BUYER_LIMITS,
)


def run(folder: Folder, *, port: int, restart: bool = False, develop: bool = False) -> None:
    """
    Start the servers and our processes, print their addresses, and run until a signal to stop.

    With `restart` a process that dies is restarted, without it the whole stack stops. With
    `develop` our own processes are restarted when the code changes.

    :raises StackError: if the stack cannot start, or a process died
    :raises Stopped: after a signal to stop
    """
    stop = StopRequest()
    stop.listen()
    prepare_folder(folder)
    with only_one(folder):
        roster = Roster(folder.roster)
        try:
            folder.stack.unlink(missing_ok=True)
            if ended := kill_leftovers(folder.roster):
                say(f"stopped processes that an earlier stack had left running: {', '.join(ended)}")
            check_port(port)
            set_logs_aside(folder)
            # The metrics of the previous run's processes would be added to this run's.
            shutil.rmtree(folder.metrics, ignore_errors=True)
            env = _start_servers(folder, roster, port, stop)
            program_env = env | {"DJANGO_SETTINGS_MODULE": development.SETTINGS} if develop else env
            programs = Programs(folder, {**inherited_environment(), **program_env})
            _prepare(programs, roster, stop)
            children = _start_programs(programs, roster, port, stop)
            greet(write_stack(folder, port=port, env=env), logs=folder.logs)
            if develop:
                development.restart_on_changes(children, roster, stop)
            else:
                _watch(roster, stop, restart=restart)
        except OSError as error:
            # Most likely a full disk.
            raise StackError(str(error)) from error
        finally:
            folder.stack.unlink(missing_ok=True)
            if roster.children:
                say("stopping all processes")
                roster.stop_all()


def reset(folder: Folder) -> None:
    """
    Delete all data of the stack. Other files in its folder stay.

    :raises StackError: if the stack runs, or a file cannot be deleted
    """
    postgres = services.postgres_folder(folder.path)
    if not any(trace.exists() for trace in (folder.lock, folder.env, postgres)):
        return
    with only_one(folder):
        kill_leftovers(folder.roster)
        for place in (postgres, plain_folder(folder.path), *folder.ours()):
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)
            if place.exists():
                raise StackError(f"{place} could not be deleted. Check its permissions.")
    if not any(folder.path.iterdir()):
        folder.path.rmdir()


def _start_servers(folder: Folder, roster: Roster, port: int, stop: StopRequest) -> dict[str, str]:
    before = read_env(folder)
    redis_before = urlsplit(before.get("REDIS_URL", ""))
    aws_before = urlsplit(before.get("AWS_ENDPOINT_URL", ""))
    started = []

    def start(describe: Callable[[], services.Service]) -> services.Service:
        stop.check()
        service = describe()
        roster.start(service.child)
        started.append(service)
        return service

    with step("starting PostgreSQL, Valkey and a local AWS"):
        # The local AWS first: it starts while `services.postgres` creates the cluster.
        aws = start(
            lambda: services.aws(
                folder.path / "aws",
                port=services.free_port(preferred=aws_before.port),
                log=folder.logs / "aws.log",
            )
        )
        valkey = start(
            lambda: services.valkey(
                folder.path / "valkey",
                port=services.free_port(preferred=redis_before.port),
                password=redis_before.password or services.new_password(),
                log=folder.logs / "valkey.log",
            )
        )
        postgres = start(lambda: services.postgres(folder.path, log=folder.logs / "postgres.log"))
        for service in started:
            services.wait_for(service, checkpoint=stop.check)
    env = make_env(
        folder,
        port=port,
        database_url=postgres.url,
        redis_url=valkey.url,
        aws_url=aws.url,
        overrides={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )
    write_env(folder, env)
    return env


def _prepare(programs: Programs, roster: Roster, stop: StopRequest) -> None:
    with step("setting up tables, queues, bucket, demo data, translations and static files"):
        compile_translations()
        together = [
            programs.manage("set_up", "-v0"),
            programs.manage("collectstatic", "--noinput", "-v0"),
        ]
        for child in together:
            roster.start(child)
        for child in together:
            while not child.has_died():
                stop.pause(0.05)
            if _exit_code(child):
                raise StackError(f"`manage.py {child.name}` failed:\n{child.last_lines()}")
            roster.forget(child)


def compile_translations() -> None:
    """Compile each .po file that is newer than its .mo file."""
    for source in (PROJECT / "locale").glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            # Written atomically: two test runs may do this at the same time.
            half = target.with_suffix(f".{os.getpid()}.mo")
            with source.open("rb") as text, half.open("wb") as compiled:
                write_mo(compiled, read_po(text))
            half.replace(target)


def _start_programs(
    programs: Programs, roster: Roster, port: int, stop: StopRequest
) -> list[Child]:
    children = [
        programs.web(port=port),
        programs.worker(),
        programs.mailer(),
        programs.refunder(),
        programs.courier(),
        programs.beat(),
    ]
    with step("starting web, worker, mailer, refunder, courier and beat"):
        for child in children:
            stop.check()
            roster.start(child)
        _wait_until_ready(roster, port, stop)
    return children


def _wait_until_ready(roster: Roster, port: int, stop: StopRequest) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    reason = ""
    while time.monotonic() < deadline:
        _fail_on_death(roster)
        try:
            with get_url(f"http://{services.LOOPBACK}:{port}/readyz", timeout=2):
                return
        except urllib.error.HTTPError as error:
            reason = error.read().decode(errors="replace")
        except OSError as error:
            reason = str(error)
        stop.pause(0.1)
    raise StackError(f"The web server is not ready after {_READY_SECONDS} s: {reason}")


def _watch(roster: Roster, stop: StopRequest, *, restart: bool) -> None:
    while True:
        if restart:
            for child in roster.dead_children():
                say(f"{child.name} died; restarting it")
                child.stop()
                roster.restart(child)
        else:
            _fail_on_death(roster)
        stop.pause(0.3)


def _fail_on_death(roster: Roster) -> None:
    for child in roster.dead_children():
        raise StackError(
            f"{child.name} ended with exit code {_exit_code(child)}, so the stack stops."
            f" The last lines of {child.log}:\n{child.last_lines()}"
        )


def _exit_code(child: Child) -> int | None:
    return child.process.returncode if child.process else None
