"""Sections of pages: an app shows on its page what an app above it knows, without importing it."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.http import HttpRequest
from django.template.loader import render_to_string


class Place(StrEnum):
    """Where sections are shown, and what `describe` gets."""

    # On the page of an order: the `Order`, with its event, payment, confirmation and items.
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. With None from `describe` it is not shown."""

    template: str
    describe: Callable[[HttpRequest, Any], Mapping[str, Any] | None]
    # Sections are shown in this order.
    position: int = 50


_sections: Final[dict[Place, list[Section]]] = defaultdict(list)


def add_section(place: Place, section: Section) -> None:
    """Add a section. Call it once, in `ready` of the app that knows what to show."""
    _sections[place].append(section)
    _sections[place].sort(key=lambda each: each.position)


def render_sections(place: Place, request: HttpRequest, subject: Any) -> list[str]:
    """Return the HTML of each section that has something to show about `subject`."""
    described = [
        (section.template, section.describe(request, subject)) for section in _sections[place]
    ]
    return [
        render_to_string(template, dict(context), request)
        for template, context in described
        if context is not None
    ]
