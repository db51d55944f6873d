"""The stack that is measured: our processes with production settings, on local servers."""

import os
import secrets
import shutil
from pathlib import Path
from typing import Final

import psycopg

from ticketing.stack import services
from ticketing.stack.environment import (
    PER_BUYER_LIMITS,
    PROJECT,
    RATE_LIMITS,
    Folder,
    inherited_environment,
    make_env,
)
from ticketing.stack.previous_release import extract
from ticketing.stack.processes import Child, Roster
from ticketing.stack.programs import Programs
from ticketing.stack.run import compile_translations
from ticketing.stack.serving import free_port, get_url

# Migrations take a minute while the machine has other work.
_WAIT_SECONDS: Final = 300

_OF_THE_DEMO: Final = (
    "MAILBOX_DIR",
    "DEMO_ADMIN_PASSWORD",
    "DEMO_API_TOKEN",
    "DEMO_DEVICE_TOKEN",
)
_FLOOR_TABLES: Final = """
CREATE TABLE IF NOT EXISTS floor_order (id uuid PRIMARY KEY, body text NOT NULL);
CREATE TABLE IF NOT EXISTS floor_item (
  id bigserial PRIMARY KEY, order_id uuid NOT NULL REFERENCES floor_order (id), quantity int);
CREATE TABLE IF NOT EXISTS floor_ticket (
  id int PRIMARY KEY, status text NOT NULL DEFAULT 'valid', used_at timestamptz);
"""


class BenchStack:
    """Servers, the web processes and the floor. Workers run between start and stop_workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = Folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.roster = Roster(self.folder.roster)
        self.port, self.floor_port = free_port(), free_port()
        self.env: dict[str, str] = {}

    def start(self) -> None:
        path, logs = self.folder.path, self.folder.logs
        compile_translations()
        servers = [
            services.aws(path / "aws", port=free_port(), log=logs / "aws.log"),
            services.valkey(
                path / "valkey",
                port=free_port(),
                password=services.new_password(),
                log=logs / "valkey.log",
            ),
            services.postgres(path, log=logs / "postgres.log"),
        ]
        for server in servers:
            self.roster.start(server.child)
        for server in servers:
            services.wait_for(server)
        aws, valkey, postgres = servers
        self.env = make_env(
            self.folder,
            port=self.port,
            database_url=postgres.url,
            redis_url=valkey.url,
            aws_url=aws.url,
            overrides={
                "DJANGO_SETTINGS_MODULE": "config.settings.production",
                "SECRET_KEY": secrets.token_urlsafe(64),
                "ALLOWED_HOSTS": services.LOOPBACK,
                "MAIL_FROM": "Bilheteria <tickets@bilheteria.test>",
                # There is no load balancer with TLS.
                "SECURE_SSL_REDIRECT": "false",
                # The driver sets X-Forwarded-For, so that production's rate limits apply to each
                # simulated caller.
                "TRUSTED_PROXY_HOPS": "1",
                "PAYMENT_GATEWAY": "orders.gateway.SimulatedGateway",
                "ALLOW_SIMULATED_PAYMENTS": "true",
                "LOG_LEVEL": "WARNING",
            },
        )
        for name in (*_OF_THE_DEMO, *RATE_LIMITS, *PER_BUYER_LIMITS):
            del self.env[name]
        self.programs = Programs(self.folder, {**inherited_environment(), **self.env})
        for command in (("set_up", "-v0"), ("collectstatic", "--noinput", "-v0")):
            self._manage(*command)
        with psycopg.connect(self.env["DATABASE_URL"], autocommit=True) as record:
            record.execute(_FLOOR_TABLES)
        web = self.programs.web(port=self.port)
        self.web_processes = int(web.command[web.command.index("--workers") + 1])
        floor = self.programs.web(port=self.floor_port, name="floor")
        floor.command = [
            word.replace("config.wsgi:application", "tests.bench.floor_wsgi:application")
            for word in floor.command
        ]
        floor.env = {
            **inherited_environment(),
            **self.env,
            "DJANGO_SETTINGS_MODULE": "tests.bench.floor_settings",
        }
        for child, url in ((web, f"{self.port}/healthz"), (floor, f"{self.floor_port}/constant")):
            self.roster.start(child)
            self._wait(child, f"http://{services.LOOPBACK}:{url}")
        # The measuring process calls verbs itself, with the same settings.
        os.environ.update(self.env)

    def start_workers(self, *, source: Path = PROJECT) -> None:
        """Start a worker and a mail worker, of the release whose code is in `source`."""
        for child in (self.programs.worker(), self.programs.mailer()):
            child.cwd = source
            self.roster.start(child)

    def unpack_previous_release(self) -> Path:
        """
        Return the folder with the source of the previous release.

        :raises NoHistory, ReleaseNotFetched: if it cannot be read from git
        """
        source = self.folder.path / "previous"
        if not source.exists():
            extract(source)
        return source

    def stop_workers(self) -> None:
        for child in [each for each in self.roster.children if each.name in ("worker", "mailer")]:
            self.roster.forget(child)

    def stop(self) -> None:
        self.roster.stop_all()

    def delete(self) -> None:
        """Delete all data."""
        shutil.rmtree(services.postgres_folder(self.folder.path), ignore_errors=True)

    def _manage(self, *command: str) -> None:
        child = self.programs.manage(*command)
        child.start()
        assert child.process
        if child.process.wait(_WAIT_SECONDS):
            raise RuntimeError(f"{command[0]} failed:\n{child.last_lines()}")

    @staticmethod
    def _wait(child: Child, url: str) -> None:
        def answers() -> bool:
            try:
                with get_url(url, timeout=1):
                    return True
            except OSError:
                return False

        services.wait_for(services.Service(child, url, answers))
