"""
`make contract`: tests the running API against its own document with schemathesis.

Sends valid and invalid requests to every operation, alone and in sequences. Fails on a 5xx, and on
a status, header or body that the document does not describe. SECONDS=1800 tests longer.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import requests

from ticketing.stack.environment import PROJECT
from ticketing.stack.run import reset
from ticketing.stack.running import RunningStack, running_stack

# `tests/api/test_access_matrix.py` tests the permissions of callers: here every request has the
# right token. `valid_request_refused` in hooks.py replaces positive_data_acceptance: it knows the
# rules that a schema cannot express.
_NOT_CHECKED: Final = "positive_data_acceptance,ignored_auth,missing_required_header"
_PATIENCE_SECONDS: Final = 60
_BUYER: Final = {"name": "Ana Souza", "email": "ana@example.com"}


def main() -> int:
    """Start a stack and test its API. Return 0 if the API does what its document says."""
    parser = argparse.ArgumentParser(prog="tests.contract", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="duration of the tests")
    parser.add_argument("--seed", type=int, default=1, help="repeats the requests of a run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bilheteria-contract-") as folder:
        with running_stack(Path(folder)) as stack:
            exit_code = _check(stack, Path(folder), arguments.seconds, arguments.seed)
        reset(stack.folder)
    return exit_code


def _check(stack: RunningStack, folder: Path, seconds: int, seed: int) -> int:
    world = folder / "world.json"
    world.write_text(json.dumps(_make_world(stack)))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", f"{stack.url}/schema"),
        *("--checks", "all", "--exclude-checks", _NOT_CHECKED),
        *("--phases", "examples,coverage,fuzzing,stateful"),
        *("--max-time", str(seconds), "--seed", str(seed)),
        *("--request-timeout", "10", "--generation-database", "none"),
        *("--suppress-health-check", "all", "--continue-on-failure", "--no-color"),
    ]
    env = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
        "CONTRACT_WORLD": str(world),
    }
    return subprocess.run(command, cwd=PROJECT, env=env, check=False).returncode


def _make_world(stack: RunningStack) -> dict[str, Any]:
    """Make some orders, one of them with tickets, so that requests can name existing objects."""
    caller = requests.Session()
    events = caller.get(f"{stack.url}/events", timeout=10).json()["results"]
    simple = next(event for event in events if len(event["ticket_types"]) == 1)
    body = {"event": simple["slug"], "quantity": 2, "customer": _BUYER}
    orders = [caller.post(f"{stack.url}/orders", json=body, timeout=10).json() for _ in range(4)]
    first = orders[0]
    buyer = {"Authorization": f"Bearer {first['access_token']}"}
    path = f"{stack.url}/orders/{first['id']}"
    payment = {"method": "card", "token": "tok_approved"}
    caller.post(f"{path}/payment", json=payment, headers=buyer, timeout=10)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not caller.get(path, headers=buyer, timeout=10).json()["tickets_ready"]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"The first order has no tickets after {_PATIENCE_SECONDS} s.")
        time.sleep(0.2)
    tickets = caller.get(f"{path}/ticket", headers=buyer, timeout=10).json()["tickets"]
    # The demo's device is no supervisor's.
    device = {"name": "Contract", "all_events": True, "is_supervisor": True}
    organizer = {"Authorization": f"Bearer {stack.addresses['api_token']}"}
    made = caller.post(f"{stack.url}/devices", json=device, headers=organizer, timeout=10).json()
    return {
        "api_token": stack.addresses["api_token"],
        "device_token": made["token"],
        "events": [name for event in events for name in (event["id"], event["slug"])],
        "orders": {order["id"]: order["access_token"] for order in orders},
        "tickets": [ticket["id"] for ticket in tickets],
    }


if __name__ == "__main__":
    sys.exit(main())
