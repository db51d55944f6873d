"""Which operations can follow an operation, and what of its answer each needs."""

from typing import Any, Final

# Carries the links through the generator, which knows none.
LINKS: Final = "x-links"


def describe_links(described: dict[str, Any]) -> None:
    """Put an operation's links where OpenAPI has them: beside the answer when all is well."""
    links = described.pop(LINKS, None)
    if links:
        done = next(status for status in described["responses"] if status.startswith("2"))
        described["responses"][done]["links"] = {
            name: {
                "operationId": name,
                "parameters": {
                    parameter: f"$response.body#/{pointer}" for parameter, pointer in needs.items()
                },
            }
            for name, needs in links.items()
        }
