"""
What schemathesis cannot know: which token an endpoint takes, what there is to ask about, and why a
request that fits the document may be refused after all.
"""

import json
import os
from pathlib import Path
from typing import Any
from zlib import crc32

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import is_unexpected_http_status_case

_WORLD: dict[str, Any] = json.loads(Path(os.environ["CONTRACT_WORLD"]).read_text())
# Orders made on the way, and their tokens.
_tokens: dict[str, str] = dict(_WORLD["orders"])
# Of ten.
_MOSTLY = 7
# Refusals of requests that are well formed as far as JSON Schema can say, by the codes of their
# problems, or of each of its `errors`. No other 4xx but these and those of the caller and of the
# state of things may answer a request that fits the document.
_BEYOND_A_SCHEMA = {
    "idempotency_key_reused": "the key came before, with another body",
    "invalid_code": "only a signature tells which codes are ours",
    "out_of_order": "a moment must be later than another one",
    "address_refused": "what a name leads to, and which networks are ours",
    "in_the_future": "by our clock",
    "sent_beside_others": "a parameter refuses another one",
    "too_long_ago": "by our clock",
    "modified_since_needed": "a parameter needs another one",
    "payment_not_accepted": "by the payment gateway, or by what the order costs",
    "ticket_type_needed": "by the event",
    "unknown_event": "which events there are, and whose",
    "unknown_order": "which orders there are, and whose",
    "weak_idempotency_key": "by who calls, and by how many bits it has",
    "web_address": "what a mail program could take for a link",
}
_ELSEWISE = frozenset({401, 403, 404, 409, 412, 429})
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


@schemathesis.check
def valid_request_refused(ctx: Any, response: Any, case: Any) -> None:
    """Refuse the refusal of what fits the document, unless no document could say why."""
    status = response.status_code
    fits = case.meta and case.meta.generation.mode.is_positive
    if not fits or status in _ELSEWISE or is_unexpected_http_status_case(case):
        return
    if 400 <= status < 500:
        problem = response.json()
        codes = {error["code"] for error in problem.get("errors", [problem])}
        if not codes <= _BEYOND_A_SCHEMA.keys():
            raise Failure(
                operation=case.operation.label,
                title="Valid request refused",
                message=problem["detail"],
            )
