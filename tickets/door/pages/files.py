"""The files of the door's page, with a version that changes with each of them."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string

from tickets.door.pages.words import words_by_language

PAGE: Final = "/door"
DECODER: Final = "/door/decoder.js"
MANIFEST: Final = "/door/manifest.webmanifest"
_FOLDER: Final = Path(__file__).parents[2] / "static" / "tickets" / "door"
# What a browser runs or shows. Licenses and notes are not sent to phones.
_KINDS: Final = frozenset({".js", ".css", ".svg", ".png", ".wasm"})


@dataclass(frozen=True, slots=True)
class Release:
    """All that a phone needs to show the page offline: SHA-256 by address, and of all together."""

    version: str
    digests: dict[str, str]


def files_url() -> str:
    """Return the address of the folder of the page's files, which ends with a slash."""
    return f"{settings.STATIC_URL}tickets/door/"


@cache
def render_page() -> str:
    """Return the page as HTML. It has no data and is the same for everybody."""
    context = {"files": files_url(), "words": words_by_language()}
    return render_to_string("door/door.html", context)


def render_decoder() -> str:
    """Return the script with which a worker of the page starts. It has a policy of its own."""
    return f'import "{files_url()}decoder_worker.js";\n'


@cache
def describe_release() -> Release:
    """Read all files of the page, once in the life of the process."""
    contents = {
        f"{files_url()}{path.relative_to(_FOLDER).as_posix()}": path.read_bytes()
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _KINDS
    }
    contents[PAGE] = render_page().encode()
    contents[DECODER] = render_decoder().encode()
    digests = {address: sha256(content).hexdigest() for address, content in contents.items()}
    version = sha256("".join(digests.values()).encode()).hexdigest()[:16]
    return Release(version, digests)
