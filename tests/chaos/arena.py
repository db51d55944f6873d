"""The processes of a chaos run: two webs, two workers, a proxy in front of the local AWS."""

import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import psutil
import psycopg
from redis import Redis

from tests.chaos.proxy import FaultProxy
from tests.chaos.receivers import make_receivers
from ticketing.stack import services
from ticketing.stack.environment import Folder, inherited_environment, make_env, write_env
from ticketing.stack.processes import Child, ProcessError, Roster
from ticketing.stack.programs import Programs
from ticketing.stack.run import compile_translations
from ticketing.stack.serving import Service, free_port, get_url

WEBS: Final = ("web-1", "web-2")
WORKERS: Final = ("worker-1", "worker-2", "mailer", "refunder", "courier", "beat")
SERVERS: Final = ("postgres", "valkey", "aws")
# Shorter delays than in production, so that retries happen during the run.
_QUICK: Final = {
    "SQS_VISIBILITY_SECONDS": "6",
    "SQS_BACKOFF_SECONDS": "1,1,2,2,4,4,8,8",
    "ASK_AGAIN_SECONDS": "8",
    "LOG_LEVEL": "WARNING",
}
# The types of webhooks that the receivers subscribe to: few enough that they can just keep up.
_WEBHOOK_TYPES: Final = ["order.paid", "order.refunded"]
_READY_SECONDS: Final = 60
_HOLD_SECONDS: Final = 12


@dataclass(frozen=True, slots=True)
class Death:
    """A process ended that the run had not killed."""

    name: str
    exit_code: int | None
    # The current fault, or the last one.
    during: str


class Arena:
    """Real processes, each of which can be killed, frozen and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = Folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.roster = Roster(self.folder.roster)
        self.children: dict[str, Child] = {}
        self.servers: dict[str, Service] = {}
        self.ports = {name: free_port() for name in WEBS}
        self.env: dict[str, str] = {}
        # Processes that the run killed and has not restarted yet.
        self.down: set[str] = set()
        self.lock = Lock()
        self.died: list[Death] = []
        # How often the run killed each process.
        self.killed: Counter[str] = Counter()
        self.fault = ""
        self.receivers = make_receivers()

    def start(self) -> None:
        path, logs = self.folder.path, self.folder.logs
        aws_port = free_port()
        self.proxy = FaultProxy(aws_port)
        self.proxy.start()
        compile_translations()
        self.servers = {
            "aws": services.aws(path / "aws", port=aws_port, log=logs / "aws.log"),
            "valkey": services.valkey(
                path / "valkey",
                port=free_port(),
                password=services.new_password(),
                log=logs / "valkey.log",
            ),
            "postgres": services.postgres(path, log=logs / "postgres.log"),
        }
        for name, server in self.servers.items():
            self._start(name, server.child)
        for server in self.servers.values():
            services.wait_for(server)
        self.env = make_env(
            self.folder,
            port=self.ports[WEBS[0]],
            database_url=self.servers["postgres"].url,
            redis_url=self.servers["valkey"].url,
            aws_url=self.proxy.url,
            overrides=_QUICK,
        )
        write_env(self.folder, self.env)
        self.programs = Programs(self.folder, {**inherited_environment(), **self.env})
        # As `set_up`, but without past orders: nobody charged, mailed or drew codes for those.
        self._manage("migrate", "-v0")
        self._manage("provision_aws")
        self._manage("load_demo_data", "--no-season")
        self._manage("collectstatic", "--noinput", "-v0")
        self._shorten_holds()
        self._start_receivers()
        for name in WEBS:
            self._start(name, self.programs.web(port=self.ports[name], name=name))
        for name in ("worker-1", "worker-2"):
            self._start(name, self.programs.worker(name=name))
        self._start("mailer", self.programs.mailer())
        self._start("refunder", self.programs.refunder())
        self._start("courier", self.programs.courier())
        self._start("beat", self.programs.beat())
        for name in WEBS:
            self.wait_for_web(name)

    def stop(self) -> None:
        with self.lock:
            self.down = set(self.children)
            for name in self.children:
                self.thaw(name)
            self.roster.stop_all()
        if hasattr(self, "proxy"):
            self.proxy.stop()
        for receiver in self.receivers:
            receiver.stop()

    def delete(self) -> None:
        """Delete all data."""
        shutil.rmtree(services.postgres_folder(self.folder.path), ignore_errors=True)
        shutil.rmtree(self.folder.path, ignore_errors=True)

    def kill(self, name: str) -> None:
        """Send SIGKILL to a process and all its descendants."""
        with self.lock:
            self.down.add(name)
            self.killed[name] += 1
        self.children[name].kill()

    def restart(self, name: str) -> None:
        """Restart a process that was killed. The local AWS gets its queues and bucket again."""
        self.children[name].stop()
        self.roster.restart(self.children[name])
        if name in self.servers:
            self._wait_for_server(name)
        if name == "aws":
            # A killed local AWS forgets its queues, and the real one does not. The messages stay
            # lost. Not through the proxy, which may be simulating a fault.
            self._manage("provision_aws", AWS_ENDPOINT_URL=self.servers["aws"].url)
        with self.lock:
            self.down.discard(name)

    def _wait_for_server(self, name: str) -> None:
        """Start a server again until it answers, as a supervisor does in production."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                services.wait_for(self.servers[name])
            except ProcessError:
                # PostgreSQL does not start while a process of the killed one is still ending.
                if not self.children[name].has_died() or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
                self.roster.restart(self.children[name])
            else:
                return

    def freeze(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def wipe_valkey(self) -> None:
        """Kill Valkey and delete its data."""
        self.kill("valkey")
        shutil.rmtree(self.folder.path / "valkey" / "appendonlydir", ignore_errors=True)

    def redis(self) -> Redis:
        return Redis.from_url(self.env["REDIS_URL"], decode_responses=True, socket_timeout=2)

    def sqs(self) -> Any:
        """Return a client that does not go through the proxy."""
        return boto3.client(
            "sqs",
            endpoint_url=self.servers["aws"].url,
            region_name=self.env["AWS_DEFAULT_REGION"],
            aws_access_key_id=services.AWS_KEY,
            aws_secret_access_key=services.AWS_KEY,
        )

    def queue_url(self, queue: str) -> str:
        """Return a queue's URL that does not go through the proxy."""
        path = urlsplit(self.env[f"SQS_{queue.upper()}_QUEUE_URL"]).path
        return f"{self.servers['aws'].url}{path}"

    def restart_dead_processes(self) -> None:
        """Restart processes that died by themselves, as a supervisor does in production."""
        with self.lock:
            dead = [
                name
                for name, child in self.children.items()
                if child.has_died() and name not in self.down
            ]
        for name in dead:
            process = self.children[name].process
            code = process.returncode if process else None
            self.died.append(Death(name, code, self.fault))
            self.restart(name)

    def wait_for_web(self, name: str) -> None:
        self.wait(lambda: self._answers(f"http://{services.LOOPBACK}:{self.ports[name]}/healthz"))

    @staticmethod
    def wait(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"A process is not ready after {_READY_SECONDS} seconds.")
            time.sleep(0.1)

    @staticmethod
    def _answers(url: str) -> bool:
        try:
            with get_url(url, timeout=2):
                return True
        except OSError:
            return False

    def _shorten_holds(self) -> None:
        # Otherwise no reservation would expire in a short run. The API cannot set this.
        with psycopg.connect(self.env["DATABASE_URL"]) as record:
            record.execute(
                f"""
                CREATE FUNCTION shorten_holds() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN NEW.hold_seconds := {_HOLD_SECONDS}; RETURN NEW; END';
                CREATE TRIGGER shorten_holds BEFORE INSERT ON events_event
                FOR EACH ROW EXECUTE FUNCTION shorten_holds()
                """
            )

    def _start_receivers(self) -> None:
        """Start the webhook receivers and register them as endpoints of the organizer."""
        with psycopg.connect(self.env["DATABASE_URL"]) as record:
            for receiver in self.receivers:
                receiver.start()
                record.execute(
                    "INSERT INTO events_webhookendpoint"
                    " (id, organizer_id, url, types, secret_version, created_at)"
                    " SELECT %s, id, %s, %s, 1, now() FROM events_organizer",
                    [uuid4(), receiver.url, _WEBHOOK_TYPES],
                )

    def _start(self, name: str, child: Child) -> None:
        self.children[name] = child
        self.roster.start(child)

    def _manage(self, *command: str, **env: str) -> None:
        child = self.programs.manage(*command)
        child.env = {**(child.env or {}), **env}
        child.start()
        assert child.process
        if child.process.wait(120):
            raise RuntimeError(f"{command[0]} failed:\n{child.last_lines()}")

    def _signal(self, name: str, number: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            leader = psutil.Process(self.children[name].pid)
            for process in (leader, *leader.children(recursive=True)):
                os.kill(process.pid, number)
