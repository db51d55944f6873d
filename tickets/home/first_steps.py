"""The first-use list of the home page: the steps from nothing to an event on sale."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from events.models import Event, EventStatus, TicketType
from events.reach import Reach
from events.roles import Right


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the first event: what to do, whether it is done, and where."""

    text: str
    hint: str
    done: bool
    url: str
    button: str
    is_next: bool


def first_steps(reach: Reach, events: QuerySet[Event] | None) -> list[Step]:
    """Return the steps to the first event on sale, for a user who may take them."""
    if not reach.has_everywhere(Right.CHANGE_EVENTS):
        return []
    has_types = Exists(TicketType.objects.filter(event=OuterRef("pk")))
    drafts = (
        []
        if events is None
        else list(
            events.filter(status=EventStatus.DRAFT)
            .annotate(has_types=has_types)
            .order_by("-created_at", "pk")[:1]
        )
    )
    draft: Any = drafts[0] if drafts else None
    page = (
        reverse("admin:events_event_change", args=[draft.pk])
        if draft
        else reverse("admin:events_event_add")
    )
    done = [draft is not None, draft is not None and draft.has_types, False, False]
    words = [
        (
            _("Describe your event"),
            _("Its name, place, date and picture. Nobody sees it yet."),
            _("Create event"),
        ),
        (
            _("Add ticket types"),
            _("What a ticket costs, and how many there are."),
            _("Add types"),
        ),
        (
            _("Publish it"),
            _("From then on, anybody can buy. You can still change texts, prices and capacities."),
            _("Publish"),
        ),
        (
            _("Prepare the door"),
            _("Connect the phones that scan tickets."),
            _("Add device"),
        ),
    ]
    can_publish = draft is not None and draft.has_types
    publish = reverse("admin:events_event_publish_this", args=[draft.pk]) if can_publish else page
    pages = [page, page, publish, reverse("admin:tickets_device_add")]
    first_open = done.index(False)
    return [
        Step(text, hint, is_done, url, button, place == first_open)
        for place, ((text, hint, button), is_done, url) in enumerate(
            zip(words, done, pages, strict=True)
        )
    ]
