"""Starts and stops the processes of one release, with the commands that its own code gives."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ticketing.stack.environment import Folder, inherited_environment
from ticketing.stack.processes import Child
from ticketing.stack.serving import get_url

PATIENCE_SECONDS: Final = 120
# A program that runs in the release's own source, and so returns that release's processes and
# environment variables.
_DESCRIBE: Final = """
import json, sys
from pathlib import Path
from ticketing.stack.environment import Folder, inherited_environment, make_env, write_env
from ticketing.stack.programs import Programs

given = json.loads(sys.argv[1])
folder = Folder(Path(given["folder"]))
env = make_env(folder, port=given["port"], overrides=given["overrides"], **given["addresses"])
write_env(folder, env)
programs = Programs(folder, {**inherited_environment(), **env})
children = [programs.web(port=given["port"]), programs.manage("set_up")]
others = {name for name in vars(Programs) if not name.startswith("_")}
others -= {"web", "manage", "folder", "env"}
children += [getattr(programs, name)() for name in sorted(others)]
commands = {child.name: list(child.command) for child in children}
print(json.dumps({"env": env, "commands": commands}))
"""


@dataclass
class Release:
    """A release with one child process for each of its programs."""

    source: Path
    folder: Folder
    port: int
    env: dict[str, str] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)

    def describe(self, *, addresses: Mapping[str, str], overrides: Mapping[str, str]) -> None:
        """Read the environment and the commands from the release's own code."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        given = {
            "folder": str(self.folder.path),
            "port": self.port,
            "addresses": dict(addresses),
            "overrides": dict(overrides),
        }
        done = subprocess.run(
            [sys.executable, "-c", _DESCRIBE, json.dumps(given)],
            cwd=self.source,
            env=inherited_environment() | {"STACK_DIR": str(self.folder.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        described: dict[str, Any] = json.loads(done.stdout)
        self.env = described["env"]
        Path(self.env["STATIC_ROOT"]).mkdir(exist_ok=True)
        self.children = {
            name: Child(
                name,
                command,
                log=self.folder.logs / f"{name}.log",
                env={**inherited_environment(), **self.env},
                cwd=self.source,
            )
            for name, command in described["commands"].items()
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[str]:
        """Return the names of the programs that take messages from the queues."""
        return [name for name in self.children if name not in {"web", "beat", "set_up"}]

    def start(self, *names: str) -> None:
        for name in names:
            self.children[name].start()

    def stop(self, *names: str) -> None:
        for name in names:
            self.children[name].stop()

    def log(self, name: str) -> str:
        log = self.children[name].log
        return log.read_text(errors="replace") if log.exists() else ""

    def wait_for_web(self) -> None:
        def answers() -> bool:
            self.expect_alive("web")
            try:
                with get_url(f"{self.url}/healthz", timeout=2):
                    return True
            except OSError:
                return False

        wait_until(answers, f"the web server at {self.url} answers")

    def wait_for_workers(self) -> None:
        def are_ready() -> bool:
            self.expect_alive(*self.workers)
            return all(" ready." in self.log(name) for name in self.workers)

        wait_until(are_ready, "all workers are ready")

    def expect_alive(self, *names: str) -> None:
        for name in names:
            child = self.children[name]
            assert not child.has_died(), f"{name} has died:\n{child.last_lines()}"


def wait_until(holds: Callable[[], bool], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until a condition holds. Fail after `seconds`; `what` says what was expected."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"Did not happen within {seconds} s: {what}"
        time.sleep(0.1)
