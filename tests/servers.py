"""Real servers for the tests, started before the settings are read."""

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
        # The workers of pytest-xdist inherit it.
        os.environ["DATABASE_URL"] = _stack.enter_context(services.running(server))
    # A Valkey each: tests empty it.
    redis = services.valkey(
        folder / "valkey",
        port=services.free_port(),
        password=services.new_password(),
        durable=False,
    )
    os.environ["REDIS_URL"] = _stack.enter_context(services.running(redis))
    # Nothing of a developer's own account may reach a test, nor a proxy stand before loopback.
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
