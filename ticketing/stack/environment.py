"""What the local stack's processes are told: secrets made once, addresses at each start."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ticketing.stack.services import AWS_KEY

PROJECT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "sa-east-1"
_ACCOUNT: Final = "000000000000"
_QUEUES: Final = ("sale", "delivery", "upkeep")


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that the stack lives in, ignored by git: `.local`, or `STACK_DIR`."""

    path: Path

    @property
    def env(self) -> Path:
        return self.path / "env"

    @property
    def stack(self) -> Path:
        return self.path / "stack.json"

    @property
    def roster(self) -> Path:
        return self.path / "processes.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def mailbox(self) -> Path:
        return self.path / "mailbox"


def find_folder() -> Folder:
    """Return the stack's folder."""
    return Folder(Path(os.environ.get("STACK_DIR") or PROJECT / ".local").resolve())


def read_env(folder: Folder) -> dict[str, str]:
    """Return what the file of the last start says, or nothing."""
    if not folder.env.exists():
        return {}
    lines = folder.env.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def make_env(  # noqa: PLR0913 - one address a server
    folder: Folder,
    *,
    port: int,
    database_url: str,
    redis_url: str,
    aws_url: str,
    overrides: Mapping[str, str],
) -> dict[str, str]:
    """Return the whole environment of the processes, keeping the secrets that there were."""
    before = read_env(folder)
    env = {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "SECRET_KEY": before.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "TICKET_SIGNING_SECRET": before.get("TICKET_SIGNING_SECRET") or secrets.token_urlsafe(48),
        "DEMO_ADMIN_PASSWORD": before.get("DEMO_ADMIN_PASSWORD") or secrets.token_urlsafe(9),
        "DEMO_API_TOKEN": before.get("DEMO_API_TOKEN") or "api_" + secrets.token_urlsafe(32),
        "DEMO_DEVICE_TOKEN": before.get("DEMO_DEVICE_TOKEN") or "dev_" + secrets.token_urlsafe(32),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": AWS_KEY,
        "AWS_SECRET_ACCESS_KEY": AWS_KEY,
        "TICKETS_BUCKET": "bilheteria-tickets",
        "MAILBOX_DIR": str(folder.mailbox),
    }
    for name in _QUEUES:
        url = f"{aws_url}/{_ACCOUNT}/bilheteria-{name}"
        env[f"SQS_{name.upper()}_QUEUE_URL"] = url
    return env | dict(overrides)


def write_env(folder: Folder, env: Mapping[str, str]) -> None:
    """Keep the environment for the next start, and for `manage.py` beside a running stack."""
    _write_private(folder.env, "".join(f"{name}={value}\n" for name, value in env.items()))


def write_stack(folder: Folder, *, port: int, env: Mapping[str, str]) -> dict[str, object]:
    """Tell scripts where things are."""
    url = f"http://127.0.0.1:{port}"
    stack: dict[str, object] = {
        "url": url,
        "admin": {"username": "admin", "password": env["DEMO_ADMIN_PASSWORD"]},
        "api_token": env["DEMO_API_TOKEN"],
        "device_token": env["DEMO_DEVICE_TOKEN"],
        "database_url": env["DATABASE_URL"],
        "redis_url": env["REDIS_URL"],
        "aws_endpoint_url": env["AWS_ENDPOINT_URL"],
        "mailbox_url": f"{url}/mailbox",
    }
    _write_private(folder.stack, json.dumps(stack, indent=2) + "\n")
    return stack


def _write_private(file: Path, text: str) -> None:
    # Whole or not at all, and never readable by others in between.
    half = file.with_suffix(f".{os.getpid()}")
    half.touch(mode=0o600)
    half.chmod(0o600)
    half.write_text(text)
    half.replace(file)
