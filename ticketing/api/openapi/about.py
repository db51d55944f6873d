"""The parts of the document about the whole API: version, license, servers and tags."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from django.conf import settings

_OVERVIEW: Final = Path(__file__).with_name("overview.md")
_PROJECT: Final = settings.BASE_DIR / "pyproject.toml"
_LICENSE: Final = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
# Each operator runs a copy, and answers for it.
_CONTACT: Final = {"name": "The operator of this server"}
_SERVERS: Final = [
    {
        "url": "/",
        "description": "The server that this document came from. After `make run` that is"
        " `http://127.0.0.1:8000`.",
    }
]
# By the first segment of the path, in the order of the document.
_TAGS: Final = {
    "events": "The events on sale with live availability, and the organizer's changes to them.",
    "orders": "Reserving, paying, cancelling and refunding.",
    "tickets": "The tickets of paid orders, and checking them in at the door.",
    "devices": "The devices at the door: their tokens and their events.",
    "door": "What a door device asks for: its events, their figures, and its offline bundle.",
    "webhooks": "Messages that the API sends to an organizer's own server.",
    "problems": "The explanation of each error: what it means and what to do.",
    "health": "For load balancers and monitoring.",
}
_TAG_BY_SEGMENT: Final = {"healthz": "health", "readyz": "health"}


def read_version() -> str:
    """Return the version of the API, from pyproject.toml, which a container image does not have."""
    project: dict[str, Any] = tomllib.loads(_PROJECT.read_text())["project"]
    return str(project["version"])


def tag_of(path: str) -> str:
    """Return the tag of a path's operations."""
    segment = path.split("/")[1]
    return _TAG_BY_SEGMENT.get(segment, segment)


def describe_api(info: Mapping[str, Any], tags: Iterable[str]) -> dict[str, Any]:
    """
    Return the members of the document that are about the whole API.

    `tags` are those of the operations. A tag without a description is left out; the linters and a
    test report it.
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
