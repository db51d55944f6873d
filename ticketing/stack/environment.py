"""The local stack's folder, and the environment variables of its processes."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ticketing.stack.services import AWS_KEY, LOOPBACK
from ticketing.stack.serving import write_private

PROJECT: Final = Path(__file__).resolve().parents[2]
REGION: Final = "sa-east-1"
_ACCOUNT: Final = "000000000000"
# Patterns of the files that a stack writes into its folder.
_STACK_FILES: Final = (
    "aws", "beat*", "demo", "env*", "lock", "logs", "mailbox", "metrics", "postgres*",
    "probe", "processes.*", "stack.*", "static", "valkey*",
)  # fmt: skip
_QUEUES: Final = ("sale", "delivery", "refunds", "upkeep", "webhooks")
RATE_LIMITS: Final = tuple(
    f"RATE_LIMIT_{kind}"
    for kind in ("READ", "RESERVE", "WRITE", "VALIDATE", "PROMO", "FIND", "SIGNIN")
)
# Rate limits are in force, so responses carry the same headers as in production, but no client on
# one machine can reach them.
UNREACHABLE_LIMIT: Final = "9000000/60:9000000/60"
# Limits on tickets and mails, which are off in the local stack.
PER_BUYER_LIMITS: Final = (
    "TICKETS_PER_CUSTOMER",
    "TICKETS_PER_ADDRESS",
    "HELD_PERCENT_PER_ADDRESS",
    "MAILS_PER_RECIPIENT_PER_HOUR",
)


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of the stack's data, logs and secrets: `.local`, or `STACK_DIR`."""

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
    def metrics(self) -> Path:
        return self.path / "metrics"

    @property
    def mailbox(self) -> Path:
        return self.path / "mailbox"

    def ours(self) -> list[Path]:
        """Return the files that a stack writes into its folder. A user's own files are left out."""
        return [found for name in _STACK_FILES for found in sorted(self.path.glob(name))]


def find_folder() -> Folder:
    """Return the stack's folder."""
    return Folder(Path(os.environ.get("STACK_DIR") or PROJECT / ".local").resolve())


def inherited_environment() -> dict[str, str]:
    """
    Return the environment variables that the stack's processes inherit.

    Leaves out `AWS_*`, which may point to the real AWS, and lets no proxy handle loopback requests.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for name in ("no_proxy", "NO_PROXY"):
        kept[name] = ",".join(filter(None, [kept.get(name), LOOPBACK, "localhost"]))
    return kept


def read_env(folder: Folder) -> dict[str, str]:
    """Return the environment that the previous start wrote, empty if there was none."""
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
    """Return the environment of the processes, with the secrets of the previous start if any."""
    before = read_env(folder)
    env = {
        "DJANGO_SETTINGS_MODULE": "config.settings.local",
        "SECRET_KEY": before.get("SECRET_KEY") or secrets.token_urlsafe(48),
        "TICKET_SIGNING_SECRET": before.get("TICKET_SIGNING_SECRET") or secrets.token_urlsafe(48),
        "WEBHOOK_SIGNING_KEYS": before.get("WEBHOOK_SIGNING_KEYS")
        or f"1:{secrets.token_urlsafe(48)}",
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
        # A developer's webhook receiver runs on this machine.
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PROMETHEUS_MULTIPROC_DIR": str(folder.metrics),
        # Two stacks of one checkout must not run collectstatic into the same folder.
        "STATIC_ROOT": str(folder.path / "static"),
    }
    for name in _QUEUES:
        url = f"{aws_url}/{_ACCOUNT}/bilheteria-{name}"
        env[f"SQS_{name.upper()}_QUEUE_URL"] = url
    # All requests come from one address here, so no limit per address or buyer may apply.
    env |= dict.fromkeys(RATE_LIMITS, UNREACHABLE_LIMIT) | dict.fromkeys(PER_BUYER_LIMITS, "0")
    return env | dict(overrides)


def write_env(folder: Folder, env: Mapping[str, str]) -> None:
    """Write the environment for the next start, and for `manage.py` while the stack runs."""
    write_private(folder.env, "".join(f"{name}={value}\n" for name, value in env.items()))


def write_stack(folder: Folder, *, port: int, env: Mapping[str, str]) -> dict[str, object]:
    """Write stack.json, from which scripts read the stack's addresses and tokens."""
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
    write_private(folder.stack, json.dumps(stack, indent=2) + "\n")
    return stack
