"""What schemathesis cannot know: which token an endpoint takes, and what there is to ask about."""

import json
import os
from pathlib import Path
from typing import Any
from zlib import crc32

import schemathesis
from schemathesis.core.parameters import ParameterLocation

_WORLD: dict[str, Any] = json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text())
# Orders made on the way, and their tokens.
_tokens: dict[str, str] = dict(_WORLD["orders"])
# Of ten.
_MOSTLY = 7
_NAMES = {"reference": "events", "order_id": "orders", "ticket_id": "tickets"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Ask about what exists, most of the time, with the token that the endpoint takes."""
    # What was drawn to be refused stays as it was drawn.
    if not case.meta.is_negative_at(ParameterLocation.PATH):
        _name_what_exists(case.path_parameters or {})
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        _show_token(case)


def _name_what_exists(parameters: dict[str, Any]) -> None:
    for name in _NAMES.keys() & parameters.keys():
        kind = _NAMES[name]
        # By what was drawn, so that the same seed asks the same.
        drawn = crc32(str(parameters[name]).encode())
        known = list(_tokens) if kind == "orders" else list(_WORLD[kind])
        if drawn % 10 < _MOSTLY:
            parameters[name] = known[drawn % len(known)]


def _show_token(case: Any) -> None:
    choices = case.operation.definition.raw.get("security", [])
    kinds = {kind for choice in choices for kind in choice}
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
