"""A pytest plugin: starts PostgreSQL and Valkey for the tests, before the settings are read."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from ticketing.stack import services
from ticketing.stack.environment import inherited_environment
from ticketing.stack.run import compile_translations

# Is set if the server is only for this run: no later run may find the tables of an earlier one.
OWN_SERVER: Final = "TESTS_OWN_SERVER"
_stack = ExitStack()
# Nothing that is imported or collected becomes garbage: looking for it would take a third of the
# time until the first test. `tests/conftest.py` switches it on again.
gc.disable()
# Each process of pytest-xdist, and each that a test starts, would compile all modules again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _start() -> None:
    atexit.register(_stack.close)
    folder = Path(tempfile.mkdtemp(prefix="bilheteria-tests-"))
    _stack.callback(shutil.rmtree, folder, ignore_errors=True)
    if "DATABASE_URL" not in os.environ:
        compile_translations()
        server = services.postgres(folder, durable=False)
        _stack.callback(shutil.rmtree, services.postgres_folder(folder), ignore_errors=True)
        # The processes of pytest-xdist inherit the variable, and so share this server.
        os.environ["DATABASE_URL"] = _stack.enter_context(services.running(server))
        os.environ[OWN_SERVER] = "yes"
    # One Valkey for each process of pytest-xdist, because every test empties it.
    redis = services.valkey(
        folder / "valkey",
        port=services.free_port(),
        password=services.new_password(),
        durable=False,
    )
    os.environ["REDIS_URL"] = _stack.enter_context(services.running(redis))
    # Tests must not use a developer's own AWS account, nor a proxy for loopback requests.
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
