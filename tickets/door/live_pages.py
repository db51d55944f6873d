"""The pages of an event's live door: figures, devices and alerts, which a script keeps current."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from events.access import within_rights
from events.models import Event
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.clock import zone_named
from tickets.door.conflicts import ConflictNotFound, acknowledge_conflict
from tickets.door.watch import (
    Presence,
    WatchedDoor,
    door_hours,
    forget_doors,
    presence_of,
    unmanned_gates,
    watch_door,
)
from tickets.models import Device

_HEADER: Final = "X-Live-Pass"
_SALT: Final = "tickets.door.live"
# How long a page may follow the figures before its reader's session and rights are checked again.
_PASS_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class _Reader:
    """What the reader of a page may do, and see of conflicts: the codes of tickets."""

    may_act: bool
    sees_codes: bool


@dataclass(frozen=True, slots=True)
class ShownDevice:
    device: Device
    presence: str
    minutes: int


def show_live_door(site: AdminSite, request: HttpRequest, event_id: UUID) -> HttpResponse:
    """
    Show the live door of an event, with a pass by which the page's script asks for its parts.

    Acknowledge the conflict that the form names.
    """
    if not _may(request, event_id, Right.SEE_EVENTS):
        raise Http404
    may_act = _may(request, event_id, Right.RUN_DOOR)
    reader = _Reader(may_act, may_act or _may(request, event_id, Right.SEE_ORDERS))
    if request.method == "POST":
        if not may_act:
            raise Http404
        _acknowledge(request, event_id)
        return redirect(request.path)
    now = clock.now()
    door = _door(event_id, now)
    told = {"event": str(event_id), "language": translation.get_language()}
    with timezone.override(zone_named(door.event.timezone)):
        context = {
            **site.each_context(request),
            **_part(door, reader, now),
            "title": _("Live door"),
            "live_pass": signing.dumps(told | asdict(reader), salt=_SALT),
        }
        return TemplateResponse(request, "admin/live_door.html", context).render()


def show_live_part(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """
    Return the part of the page that changes, to a caller that shows the page's pass.

    It reads no session, so that many open pages cost no more queries than one. A pass is short: the
    page then asks for itself again, with its session.
    """
    try:
        told = signing.loads(request.headers.get(_HEADER, ""), salt=_SALT, max_age=_PASS_SECONDS)
    except signing.BadSignature:
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    if told["event"] != str(event_id):
        return HttpResponse(status=HTTPStatus.FORBIDDEN)
    now = clock.now()
    door = _door(event_id, now)
    zone = zone_named(door.event.timezone)
    with translation.override(told["language"]), timezone.override(zone):
        reader = _Reader(told["may_act"], told["sees_codes"])
        context = _part(door, reader, now)
        page = HttpResponse(render_to_string("admin/live_door_part.html", context))
    page.headers["Cache-Control"] = "no-store"
    return page


def _acknowledge(request: HttpRequest, event_id: UUID) -> None:
    try:
        acknowledge_conflict(
            event_id=event_id,
            scan_key=UUID(request.POST.get("scan", "")),
            actor=user_actor(request.user),
            now=clock.now(),
        )
    except (ValueError, ConflictNotFound):
        messages.error(request, _("This event has no such conflict."))
    # Else the page would show it once more. Other processes know it within a second or two.
    forget_doors()


def _part(door: WatchedDoor, reader: _Reader, now: datetime) -> dict[str, Any]:
    devices = [_show_device(device, door.event, now) for device in door.devices]
    opens, closes = door_hours(door.event)
    return {
        "event": door.event,
        "counts": door.counts,
        "opens": opens,
        "closes": closes,
        "devices": devices,
        "conflicts": [
            each if reader.sees_codes else replace(each, code="…") for each in door.conflicts
        ],
        "unmanned": unmanned_gates(door, now=now),
        "silent": [shown for shown in devices if shown.presence == Presence.SILENT],
        "may_act": reader.may_act,
    }


def _show_device(device: Device, event: Event, now: datetime) -> ShownDevice:
    minutes = (now - device.last_seen_at).total_seconds() // 60 if device.last_seen_at else 0
    return ShownDevice(device, presence_of(device, event, now=now).value, int(minutes))


def _door(event_id: UUID, now: datetime) -> WatchedDoor:
    door = watch_door(event_id, now=now)
    if door is None:
        raise Http404
    return door


def _may(request: HttpRequest, event_id: UUID, right: Right) -> bool:
    events = within_rights(
        Event.objects.all(), request.user, right, organizer_path="organizer", event_path="pk"
    )
    return events.filter(pk=event_id).exists()
