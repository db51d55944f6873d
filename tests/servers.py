"""Start PostgreSQL and Valkey for the tests, before Django reads its settings."""

import atexit
import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from ticketing.stack import services
from ticketing.stack.environment import inherited_environment
from ticketing.stack.run import compile_translations

_stack = ExitStack()


def _start() -> None:
    atexit.register(_stack.close)
    folder = Path(tempfile.mkdtemp(prefix="bilheteria-tests-"))
    _stack.callback(shutil.rmtree, folder, ignore_errors=True)
    if "DATABASE_URL" not in os.environ:
        compile_translations()
        server = services.postgres(folder, durable=False)
        _stack.callback(shutil.rmtree, services.postgres_folder(folder), ignore_errors=True)
        # The worker processes of pytest-xdist inherit this variable, and share this PostgreSQL.
        os.environ["DATABASE_URL"] = _stack.enter_context(services.running(server))
    # Each process of pytest-xdist needs its own Valkey, because tests empty it.
    redis = services.valkey(
        folder / "valkey",
        port=services.free_port(),
        password=services.new_password(),
        durable=False,
    )
    os.environ["REDIS_URL"] = _stack.enter_context(services.running(redis))
    # Tests must not use a developer's AWS account, nor a proxy for connections to loopback.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= inherited_environment() | {
        "AWS_DEFAULT_REGION": "sa-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }


_start()


def pytest_unconfigure(config: pytest.Config) -> None:
    _stack.close()
