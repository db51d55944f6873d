"""Addresses of the API: each kind of id has one spelling, and a slash at the end is optional."""

import re
from typing import Final

from django.urls import URLPattern, re_path

from ticketing.api.quick import View
from ticketing.text import LONGEST_SLUG

_KINDS: Final = {
    # Django's own `uuid` takes no capitals.
    "id": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    # The id of an event, or the name that its organizer gave it for addresses.
    "event": rf"[A-Za-z0-9-]{{1,{LONGEST_SLUG}}}",
    "problem": r"[a-z_]{1,60}",
}
_PLACE: Final = re.compile(r"<(\w+):(\w+)>")


def api_path(route: str, view: View, name: str | None = None) -> URLPattern:
    """
    Return the pattern of a route such as `orders/<id:order_id>/payment`.

    It is Django's `path` with our kinds of ids. Django's takes no optional slash.
    """
    pieces = _PLACE.split(route)
    literals, kinds, names = pieces[::3], pieces[1::3], pieces[2::3]
    regex = re.escape(literals[0])
    for kind, place, literal in zip(kinds, names, literals[1:], strict=True):
        regex += f"(?P<{place}>{_KINDS[kind]}){re.escape(literal)}"
    return re_path(f"^{regex}/?$", view, name=name)
