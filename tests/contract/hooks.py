"""
Hooks for schemathesis: the right token for each operation, ids of existing objects, and the reasons
for which the API may refuse a request that fits the document.
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
# The tokens of orders by id, also of orders that the tests create.
_tokens: dict[str, str] = dict(_WORLD["orders"])
# In this many of ten requests an id is replaced by one that exists.
_EXISTING_OF_TEN = 7
# Reasons for which the API may refuse a request that fits its JSON Schema: the problem's code, or
# the codes of its `errors`, with the rule that a schema cannot express. Other allowed responses are
# those of `_ALWAYS_ALLOWED`.
_BEYOND_A_SCHEMA = {
    "answer_missing": "the organizer's questions may need an answer",
    "answer_not_valid": "depends on the organizer's questions and on the order's tickets",
    "difference_not_settled": "depends on the prices of the two ticket types",
    "idempotency_key_reused": "an earlier request had the key and another body",
    "invalid_code": "the signature must be valid",
    "out_of_order": "a time must be later than another one",
    "address_refused": "the host must resolve to a public address",
    "in_the_future": "depends on the server's clock",
    "repeated": "the ids of a party's scans must differ",
    "sent_beside_others": "two parameters or members exclude each other",
    "too_long_ago": "depends on the server's clock",
    "modified_since_needed": "a parameter requires another one",
    "payment_not_accepted": "depends on the payment gateway and on the order's total",
    "ticket_type_needed": "depends on the number of the event's ticket types",
    "unknown_event": "the event must exist and belong to the organizer",
    "unknown_order": "the order must exist and belong to the organizer",
    "unknown_place": "the order must have that ticket",
    "waiver_needs_reason": "depends on the prices of the two ticket types",
    "weak_idempotency_key": "depends on the caller and on the key's randomness",
    "web_address": "a mail program could turn the text into a link",
}
# About the caller, or about the state of the object: any request may get these.
_ALWAYS_ALLOWED = frozenset({401, 403, 404, 409, 412, 429})
_NAMES = {"reference": "events", "order_id": "orders", "ticket_id": "tickets"}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Set the right token, and in most requests the ids of existing objects."""
    # Parameters that are invalid on purpose stay as they are.
    if not case.meta.is_negative_at(ParameterLocation.PATH):
        _use_existing_ids(case.path_parameters or {})
    if not case.meta.is_negative_at(ParameterLocation.HEADER):
        _set_token(case)


def _use_existing_ids(parameters: dict[str, Any]) -> None:
    for name in _NAMES.keys() & parameters.keys():
        kind = _NAMES[name]
        # Chosen by a checksum of the generated id, so that the same seed gives the same requests.
        drawn = crc32(str(parameters[name]).encode())
        known = list(_tokens) if kind == "orders" else list(_WORLD[kind])
        if drawn % 10 < _EXISTING_OF_TEN:
            parameters[name] = known[drawn % len(known)]


def _set_token(case: Any) -> None:
    choices = case.operation.definition.raw.get("security", [])
    kinds = {kind for choice in choices for kind in choice}
    order_id = (case.path_parameters or {}).get("order_id")
    token = ""
    if "apiToken" in kinds:
        token = _WORLD["api_token"]
    elif "orderToken" in kinds:
        token = _tokens.get(str(order_id), next(iter(_tokens.values())))
    elif "deviceToken" in kinds:
        token = _WORLD["device_token"]
    case.headers = {
        name: value for name, value in (case.headers or {}).items() if name != "Authorization"
    }
    if token:
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Remember the token of an order that a request created."""
    if response.status_code == 201 and case.operation.path == "/orders":
        order = response.json()
        _tokens[order["id"]] = order["access_token"]


@schemathesis.check
def valid_request_refused(ctx: Any, response: Any, case: Any) -> None:
    """Fail if the API refuses a request that fits the document, except for the reasons above."""
    status = response.status_code
    fits = case.meta and case.meta.generation.mode.is_positive
    if not fits or status in _ALWAYS_ALLOWED or is_unexpected_http_status_case(case):
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
