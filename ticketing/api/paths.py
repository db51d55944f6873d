"""URL patterns of the API: one format for each kind of id, and an optional slash at the end."""

import re
from typing import Final

from django.urls import URLPattern, re_path

from ticketing.api.quick import View
from ticketing.text import LONGEST_SLUG

_KINDS: Final = {
    # Django's own `uuid` converter refuses capitals.
    "id": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    # The id or the slug of an event.
    "event": rf"[A-Za-z0-9-]{{1,{LONGEST_SLUG}}}",
    "problem": r"[a-z_]{1,60}",
}
_PARAMETER: Final = re.compile(r"<(\w+):(\w+)>")


def api_path(route: str, view: View, name: str | None = None) -> URLPattern:
    """
    Return the URL pattern of a route such as `orders/<id:order_id>/payment`.

    It is like Django's `path`, which has no optional slash, with the kinds of `_KINDS`.
    """
    pieces = _PARAMETER.split(route)
    literals, kinds, names = pieces[::3], pieces[1::3], pieces[2::3]
    regex = _escape(literals[0])
    for kind, parameter, literal in zip(kinds, names, literals[1:], strict=True):
        regex += f"(?P<{parameter}>{_KINDS[kind]}){_escape(literal)}"
    # Not `$`, which also matches before a line break at the end: limits go by the exact path.
    return re_path(rf"^{regex}/?\Z", view, name=name)


def _escape(literal: str) -> str:
    # The document shows the pattern: a hyphen needs no backslash in it.
    return re.escape(literal).replace("\\-", "-")
