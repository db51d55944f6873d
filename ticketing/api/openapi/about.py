"""What the document says of the API as a whole: its licence, its servers and its tags."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings

_OVERVIEW: Final = Path(__file__).with_name("overview.md")
_PROJECT: Final = settings.BASE_DIR / "pyproject.toml"
_LICENSE: Final = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
# Each operator runs their own copy, so the operator is the one to ask.
_CONTACT: Final = {"name": "The operator of this server"}
_SERVERS: Final = [
    {
        "url": "/",
        "description": "The server that this document came from. After `make run` that is"
        " `http://127.0.0.1:8000`.",
    }
]
# By the first segment of the path, in the order in which the document shows them.
_TAGS: Final = {
    "events": "What is on sale, with live availability; and what an organizer does with an event.",
    "orders": "Reserving, paying, cancelling and refunding.",
    "tickets": "The tickets of paid orders, and checking them in at the door.",
    "devices": "The devices at the door: their tokens and their events.",
    "webhooks": "Messages that the API sends to an organizer's own server.",
    "problems": "What each error means, and what to do about it.",
    "health": "For load balancers and monitoring.",
}
_TAG_BY_SEGMENT: Final = {"healthz": "health", "readyz": "health"}


def read_version() -> str:
    """Return the version of the package, which is that of the API. An image does not have it."""
    project: dict[str, Any] = tomllib.loads(_PROJECT.read_text())["project"]
    return str(project["version"])


def tag_of(path: str) -> str:
    """Return the tag of a path's operations."""
    segment = path.split("/")[1]
    return _TAG_BY_SEGMENT.get(segment, segment)


def describe_api(info: Mapping[str, Any], tags: Iterable[str]) -> dict[str, Any]:
    """
    Return the members of the document that are about all of it.

    `tags` are those of its operations. One without a description is left out, which the linters
    and a test report.
    """
    used = set(tags)
    return {
        "info": {
            **info,
            "version": read_version(),
            "description": _OVERVIEW.read_text(),
            "contact": _CONTACT,
            "license": _LICENSE,
        },
        "servers": _SERVERS,
        "tags": [
            {"name": name, "description": description}
            for name, description in _TAGS.items()
            if name in used
        ],
    }
