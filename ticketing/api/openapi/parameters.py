"""The parameters of paths, which views do not declare, and the page parameters of lists."""

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
    description="The number of rows on a page.",
)
PAGE: Final = [
    OpenApiParameter(
        "page",
        {"type": "integer", "minimum": 1, "maximum": DEEPEST_PAGE, "default": 1},
        description="The number of the page, from 1. A page past the last one is a 404.",
    ),
    PAGE_SIZE,
]
_DESCRIPTIONS: Final = {
    "code": "The problem's `code`.",
    "reference": "The event's id, or its slug.",
}
_ID_ENDING: Final = "_id"


def describe_path_parameters(described: dict[str, Any]) -> None:
    """Describe the parameters of a path, for which the generator shows only a pattern."""
    for parameter in described.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] != "path":
            continue
        if name in _DESCRIPTIONS:
            parameter["description"] = _DESCRIPTIONS[name]
        elif name.endswith(_ID_ENDING):
            kind = name.removesuffix(_ID_ENDING).replace("_", " ")
            parameter["schema"] = {"type": "string", "format": "uuid"}
            parameter["description"] = f"The {kind}'s id."
