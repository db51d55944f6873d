"""What schemathesis cannot know: which token an endpoint takes, and what there is to ask about."""

import json
import os
from pathlib import Path
from typing import Any
from zlib import crc32

import schemathesis

_WORLD: dict[str, Any] = json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text())
# Orders made on the way, and their tokens.
_tokens: dict[str, str] = dict(_WORLD["orders"])
# Of ten.
_MOSTLY = 7
_NAMES = {"reference": "events", "order_id": "orders", "ticket_id": "tickets"}


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Ask about something that exists, most of the time."""
    for name, kind in _NAMES.items():
        if not path_parameters or name not in path_parameters:
            continue
        # By what was drawn, so that the same seed asks the same.
        drawn = crc32(str(path_parameters[name]).encode())
        known = list(_tokens) if kind == "orders" else list(_WORLD[kind])
        if drawn % 10 < _MOSTLY:
            path_parameters[name] = known[drawn % len(known)]
    return path_parameters


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Show the token that the endpoint takes."""
    kinds = {
        kind for choice in case.operation.definition.raw.get("security", []) for kind in choice
    }
    order_id = (case.path_parameters or {}).get("order_id")
    token = ""
    if "apiToken" in kinds:
        token = _WORLD["api_token"]
    elif "orderToken" in kinds:
        token = _tokens.get(str(order_id), next(iter(_tokens.values())))
    case.headers = {
        name: value for name, value in (case.headers or {}).items() if name != "Authorization"
    }
    if token:
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember the token of an order that was made."""
    if response.status_code == 201 and case.operation.path == "/orders":
        order = response.json()
        _tokens[order["id"]] = order["access_token"]
