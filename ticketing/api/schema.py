"""What the generated OpenAPI document cannot see for itself."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """One header, three kinds of token."""

    target_class = "ticketing.api.authentication.BearerAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": (
                "`ord_…`: one order, told once by `POST /orders`. `dev_…`: one door device."
                " `api_…`: an organizer's own systems."
            ),
        }


def without_trailing_slashes(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Name each path as the contract does. With a slash at its end it answers the same."""
    paths = {path.rstrip("/") or "/": operations for path, operations in result["paths"].items()}
    return {**result, "paths": paths}
