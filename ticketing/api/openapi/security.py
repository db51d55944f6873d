"""Which tokens there are, and which of them an operation takes."""

from collections.abc import Sequence
from typing import Any, Final

# Named as `security` names them.
ORDER_TOKEN: Final = "orderToken"  # noqa: S105 - a name
DEVICE_TOKEN: Final = "deviceToken"  # noqa: S105 - a name
API_TOKEN: Final = "apiToken"  # noqa: S105 - a name
_SESSION: Final = "session"

SECURITY_SCHEMES: Final[dict[str, Any]] = {
    ORDER_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "ord_…",
        "description": "One order's own token. `POST /orders` tells it once.",
    },
    DEVICE_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dev_…",
        "description": "A door device, bound to its events. It is made in the admin or by"
        " `POST /devices`.",
    },
    API_TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "api_…",
        "description": "An organizer's own systems, with the scopes that it was made with in the"
        " admin. The scope that a call needs is in its description and in `x-required-scope`.",
    },
    _SESSION: {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A member of staff who is signed in to the admin, for the organizers that"
        " they act for. What changes something needs the header `X-CSRFToken`.",
    },
}


def security_of(tokens: Sequence[str | tuple[str, str]], *, anyone: bool) -> list[Any]:
    """Return the requirements of an operation: each kind of token with the scope it needs."""
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

    Only OAuth has scopes there: tools take one beside another kind of token for an undefined name.
    """
    required = described.get("security", [])
    scopes = [scope for each in required for names in each.values() for scope in names]
    for scope in scopes:
        described["description"] += f"\n\nAn API token needs the scope `{scope}`."
        described["x-required-scope"] = str(scope)
    # `[{}]` and `[]` mean the same, and client generators read the second as "no token, ever".
    described["security"] = (
        [] if required == [{}] else [{name: [] for name in each} for each in required]
    )
