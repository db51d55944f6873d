"""The commands of our own processes: web, workers and beat. Chaos runs start several of some."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ticketing.stack.environment import PROJECT, Folder
from ticketing.stack.places import plain_python
from ticketing.stack.processes import Child
from ticketing.stack.serving import LOOPBACK

# Workers do not talk to each other, and SQS could not carry these messages.
_QUIET: Final = ("--without-gossip", "--without-mingle", "--without-heartbeat")


@dataclass(frozen=True, slots=True)
class Programs:
    """Describes processes that run with one environment and write their logs to one folder."""

    folder: Folder
    env: Mapping[str, str]

    def web(self, *, port: int, name: str = "web") -> Child:
        return self._python(
            name,
            "-m", "granian", "--interface", "wsgi", "config.wsgi:application",
            "--host", LOOPBACK, "--port", str(port),
            "--workers", "2", "--blocking-threads", "4", "--backlog", "2048",
            "--workers-kill-timeout", "3",
        )  # fmt: skip

    def worker(self, *, name: str = "worker") -> Child:
        return self._celery(name, "worker", "-n", f"{name}@%h", "-Q", "sale,upkeep", "-c", "2")

    def mailer(self, *, name: str = "mailer") -> Child:
        return self._celery(name, "worker", "-n", f"{name}@%h", "-Q", "delivery", "-c", "1")

    def refunder(self, *, name: str = "refunder") -> Child:
        return self._celery(name, "worker", "-n", f"{name}@%h", "-Q", "refunds", "-c", "1")

    def courier(self, *, name: str = "courier") -> Child:
        return self._celery(name, "worker", "-n", f"{name}@%h", "-Q", "webhooks", "-c", "1")

    def beat(self, *, name: str = "beat") -> Child:
        schedule = str(self.folder.path / "beat")
        return self._python(
            name, "-m", "celery", "-q", "-A", "config", "beat", "-s", schedule, "--pidfile="
        )

    def manage(self, *command: str) -> Child:
        """Describe a management command."""
        return self._python(command[0], "-W", "ignore", "manage.py", *command)

    def _celery(self, name: str, *command: str) -> Child:
        return self._python(name, "-m", "celery", "-q", "-A", "config", *command, *_QUIET)

    def _python(self, name: str, *command: str) -> Child:
        return Child(
            name,
            [str(plain_python(self.folder.path)), *command],
            log=self.folder.logs / f"{name}.log",
            env=self.env,
            cwd=PROJECT,
        )
