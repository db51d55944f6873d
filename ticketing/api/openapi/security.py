"""The kinds of tokens in the document, and those that an operation accepts."""

from collections.abc import Sequence
from typing import Any, Final

# The names of the security schemes.
ORDER_TOKEN: Final = "orderToken"  # noqa: S105 - a name
DEVICE_TOKEN: Final = "deviceToken"  # noqa: S105 - a name
API_TOKEN: Final = "apiToken"  # noqa: S105 - a name
_SESSION: Final = "session"

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    ORDER_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ord_…",
        "description": "The token of one order. `POST /orders` returns it once.",
    },
    DEVICE_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dev_…",
        "description": "The token of a door device, for its events. It is made in the admin or by"
        " `POST /devices`.",
    },
    API_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "api_…",
        "description": "The token of an organizer's own system, with the scopes that it got in the"
        " admin. The description of an operation and `x-required-scope` name the scope it needs.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of a staff user in the admin, for the organizers that the user"
        " acts for. A request that changes something needs the header `X-CSRFToken`.",
    },
}


def security_of(tokens: Sequence[str | tuple[str, str]], *, anyone: bool) -> list[Any]:
    """Return the security requirements of an operation: each kind of token with its scope."""
    needed: list[dict[str, list[str]]] = [{}] if anyone else []
    for token in tokens:
        kind, scope = token if isinstance(token, tuple) else (token, "")
        needed.append({kind: [scope] if scope else []})
        if kind == API_TOKEN:
            needed.append({_SESSION: []})
    return needed


def describe_security(described: dict[str, Any]) -> None:
    """
    Move the scope of an operation from its requirements to its description.

    OpenAPI has scopes only for OAuth: tools report a scope of another kind of token as undefined.
    """
    required = described.get("security", [])
    scopes = [scope for each in required for names in each.values() for scope in names]
    for scope in scopes:
        described["description"] += f"\n\nAn API token needs the scope `{scope}`."
        described["x-required-scope"] = str(scope)
    # `[{}]` and `[]` mean the same, but client generators handle only `[]` as "no token needed".
    described["security"] = (
        [] if required == [{}] else [{name: [] for name in each} for each in required]
    )
