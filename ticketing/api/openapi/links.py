"""Links: the operations that can follow an operation, and the values that each needs from it."""

from typing import Any, Final

# The extension that carries the links through the generator, which does not support links.
LINKS: Final = "x-links"


def describe_links(described: dict[str, Any]) -> None:
    """Move the links of an operation to its successful response, where OpenAPI has them."""
    links = described.pop(LINKS, None)
    if links:
        success = next(status for status in described["responses"] if status.startswith("2"))
        described["responses"][success]["links"] = {
            name: {
                "operationId": name,
                "parameters": {
                    parameter: f"$response.body#/{pointer}" for parameter, pointer in needs.items()
                },
            }
            for name, needs in links.items()
        }
