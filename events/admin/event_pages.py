"""Pages of an event beside its form: copy it, give it a picture, share its address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import segno
from botocore.exceptions import BotoCoreError, ClientError
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from events.access import organizers_of
from events.admin.base import OwnAdmin, chosen
from events.admin.clone_form import CloneForm
from events.admin.embedding import write_embedding
from events.admin.picture_form import PictureForm
from events.admin.refusals import say_refusal
from events.admin.wording import show_when
from events.cloning import clone_event
from events.models import Event, EventStatus
from events.pictures import own_picture, set_picture
from events.roles import Right
from events.wording import public_address
from ticketing import clock
from ticketing.actors import Actor, user_actor
from ticketing.clock import zone_named
from ticketing.errors import Refusal

_MODULES_OF_MARGIN = 4


class EventPages(OwnAdmin):
    clone_form: ClassVar[type[CloneForm]] = CloneForm

    def clone(self, event: Event, sent: Mapping[str, Any], *, actor: Actor, now: datetime) -> Event:
        """Make the copy that the form asks for. A subclass may copy more."""
        return clone_event(
            event_id=event.pk,
            name=sent["name"],
            starts_at=sent["starts_at"],
            actor=actor,
            now=now,
        )

    def has_copy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may make events of the same organizer."""
        organizers = organizers_of(request.user, Right.CHANGE_EVENTS)
        if obj is None:
            return organizers.exists()
        return chosen(self, request, str(obj)).filter(organizer__in=organizers).exists()

    @action(description=gettext_lazy("Copy…"), permissions=["copy"])
    def clone_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the new name and start, and make a draft."""
        event = get_object_or_404(chosen(self, request, object_id))
        zone: ZoneInfo = zone_named(event.timezone)
        with timezone.override(zone):
            form = self.clone_form(request.POST or None, event=event)
            if request.method == "POST" and form.is_valid():
                clone = self.clone(
                    event, form.cleaned_data, actor=user_actor(request.user), now=clock.now()
                )
                messages.success(
                    request,
                    _("“%(name)s” is a draft now. Check its dates, then publish it.")
                    % {"name": clone.name},
                )
                return redirect(page_of(clone))
            context = {"form": form, "title": _("Copy the event")}
            # Render here: after this block another time zone is active.
            return self._page(request, event, "admin/clone_event.html", context).render()

    @action(description=gettext_lazy("Picture…"), permissions=["change"])
    def picture_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take an upload, and make it the picture of the event."""
        event = get_object_or_404(chosen(self, request, object_id))
        form = PictureForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                set_picture(
                    event_id=event.pk,
                    upload=form.cleaned_data["picture"],
                    focus=form.cleaned_data["focus"],
                    actor=user_actor(request.user),
                    now=clock.now(),
                )
            except Refusal as refusal:
                form.add_error("picture", say_refusal(refusal))
            except (BotoCoreError, ClientError):
                form.add_error("picture", _("The picture could not be stored. Try again later."))
            else:
                messages.success(request, _("The event has a new picture."))
                return redirect(page_of(event))
        context = {
            "form": form,
            "title": _("Picture of the event"),
            "own_picture": own_picture(event, 800),
        }
        return self._page(request, event, "admin/event_picture.html", context)

    @action(description=gettext_lazy("Share…"), permissions=["view"])
    def share_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the event's address, its QR code, and HTML for the organizer's own site."""
        event = get_object_or_404(chosen(self, request, object_id))
        address = public_address(event)
        context = {
            "title": _("Share the event"),
            "address": address,
            "is_draft": event.status == EventStatus.DRAFT,
            "qr_code": _draw(address),
            "snippet": _write_snippet(event, address),
            "embedding": write_embedding(event) if event.organizer.embedding_origins else "",
            "organizer_page": self._organizer_page(request, event),
        }
        return self._page(request, event, "admin/share_event.html", context)

    def _organizer_page(self, request: HttpRequest, event: Event) -> str:
        """Return the address of the organizer's form, or "" if the user may not change it."""
        if not self.has_right(request, Right.CHANGE_ORGANIZER, event):
            return ""
        return reverse("admin:events_organizer_change", args=[event.organizer_id])

    def _page(
        self, request: HttpRequest, event: Event, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        common = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - as Django's admin does
            "event": event,
            "when": show_when(event),
            "back": page_of(event),
        }
        return TemplateResponse(request, template, common | context)


def page_of(event: Event) -> str:
    """Return the address of the event's page in the admin."""
    return reverse("admin:events_event_change", args=[event.pk])


def _write_snippet(event: Event, address: str) -> SafeString:
    """Return HTML for another site: a link with the picture and the event's name, day and place."""
    picture = own_picture(event, 800)
    image = format_html('<img src="{}" alt="" width="800" height="450"><br>', picture)
    return format_html(
        '<a href="{}">{}{} · {} · {}</a>',
        address,
        image if picture else "",
        event.name,
        show_when(event),
        event.venue,
    )


def _draw(text: str) -> str:
    """Return a QR code as a `data:` URL of an SVG picture, which prints sharp at any size."""
    code = segno.make_qr(text, error="m")
    return str(code.svg_data_uri(scale=10, border=_MODULES_OF_MARGIN, light="#fff"))
