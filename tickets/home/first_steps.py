"""The first-use list of the home page: the steps from nothing to an event that people enter."""

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from events.models import Event, EventStatus, TicketType
from events.reach import Reach
from events.roles import Right
from tickets.models import Device

_PUBLISHED: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the first event: what to do, whether it is done, and where."""

    text: str
    hint: str
    done: bool
    url: str
    button: str
    is_next: bool


def first_steps(reach: Reach) -> list[Step]:
    """Return the steps to the first event, for a user who may take them. None if all are done."""
    if not reach.has_everywhere(Right.CHANGE_EVENTS):
        return []
    events = reach.events_with(Right.CHANGE_EVENTS)
    was_published = events.exclude(status=EventStatus.DRAFT).exists()
    draft: Any = None if was_published else _furthest_draft(events)
    has_types = draft is not None and draft.has_types
    done = [True] * _PUBLISHED if was_published else [draft is not None, has_types, False]
    done.append(_has_device(reach))
    if all(done):
        return []
    page = (
        reverse("admin:events_event_change", args=[draft.pk])
        if draft
        else reverse("admin:events_event_add")
    )
    publish = reverse("admin:events_event_publish_this", args=[draft.pk]) if has_types else page
    pages = [page, page, publish, reverse("admin:tickets_device_add")]
    first_open = done.index(False)
    return [
        Step(text, hint, is_done, url, button, place == first_open)
        for place, ((text, hint, button), is_done, url) in enumerate(
            zip(_words(), done, pages, strict=True)
        )
    ]


def _furthest_draft(events: QuerySet[Event]) -> Any:
    has_types = Exists(TicketType.objects.filter(event=OuterRef("pk")))
    drafts = events.filter(status=EventStatus.DRAFT).annotate(has_types=has_types)
    return drafts.order_by("-has_types", "-created_at", "pk").first()


def _has_device(reach: Reach) -> bool:
    devices = Device.objects.filter(revoked_at=None)
    own = reach.within(devices, Right.RUN_DOOR, organizer_path="organizer", event_path=None)
    return own.exists()


def _words() -> list[tuple[str, str, str]]:
    return [
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
