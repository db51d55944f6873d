"""The parameters of paths, which no view declares, and those of every list."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter

from ticketing.api.pagination import DEEPEST_PAGE, NumberedPages

PAGE_SIZE: Final = OpenApiParameter(
    "page_size",
    {
        "type": "integer",
        "minimum": 1,
        "maximum": NumberedPages.max_page_size,
        "default": NumberedPages.page_size,
    },
    description="How many are on a page.",
)
PAGE: Final = [
    OpenApiParameter(
        "page",
        {"type": "integer", "minimum": 1, "maximum": DEEPEST_PAGE, "default": 1},
        description="Which page, from 1. A page past the last one is a 404.",
    ),
    PAGE_SIZE,
]
_WORDS: Final = {
    "code": "The problem's `code`.",
    "reference": "The event's id, or its slug.",
}
_ID: Final = "_id"


def describe_path_parameters(described: dict[str, Any]) -> None:
    """Say what stands in a path, where the generator sees a pattern."""
    for parameter in described.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] != "path":
            continue
        if name in _WORDS:
            parameter["description"] = _WORDS[name]
        elif name.endswith(_ID):
            kind = name.removesuffix(_ID).replace("_", " ")
            parameter["schema"] = {"type": "string", "format": "uuid"}
            parameter["description"] = f"The {kind}'s id."
