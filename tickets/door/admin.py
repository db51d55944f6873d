"""The admin of door devices."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from events.access import organizers_of, seen_organizers
from events.admin.base import chosen
from events.admin.confirming import Question, after_asking, dangerous
from events.admin.once import OnceAdmin
from events.models import Organizer
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType
from ticketing.tokens import TokenKind, make_token
from tickets.door.check_in_pages import show_check_in_list
from tickets.door.device_access import devices_of
from tickets.door.devices import revoke_device
from tickets.door.live_pages import show_live_door, show_live_part
from tickets.door.pairing_page import show_new_device, show_pairing
from tickets.models import Device


class DeviceForm(forms.ModelForm):
    user: ClassVar[Any]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "gate" in self.fields:
            self.fields["gate"].help_text = _(
                "Where it stands, such as “North”. If an event has a gate of this name for some"
                " ticket types, this device admits only these."
            )

    def clean(self) -> dict[str, Any]:
        sent: dict[str, Any] = super().clean() or self.cleaned_data
        is_new = self.instance._state.adding  # noqa: SLF001 - as Django's own forms do
        if is_new and "events" in sent and not sent["events"] and not sent.get("all_events"):
            self.add_error("events", _("Choose events, or all of them: else it admits nobody."))
            return sent
        organizer = sent.get("organizer")
        organizer_id = organizer.pk if organizer else self.instance.organizer_id
        if organizer_id is None:
            # The field itself says that it is missing.
            return sent
        if organizers_of(self.user, Right.RUN_DOOR).filter(pk=organizer_id).exists():
            return sent
        # A member who is limited to some events. The field offers no other events.
        if sent.get("all_events"):
            self.add_error("all_events", _("You act for some events only: choose them."))
        elif not sent.get("events"):
            self.add_error("events", _("You act for some events only: choose them."))
        return sent


@admin.register(Device)
class DeviceAdmin(ShowsHistory, RecordsSaves, OnceAdmin):
    right_to_see = right_to_change = Right.RUN_DOOR
    created_act = ActType.DEVICE_CREATED
    changed_act = ActType.DEVICE_CHANGED
    when_empty = gettext_lazy("A door device is a phone or scanner that checks tickets at a gate.")
    list_display = ["name", "gate", "organizer", "begins_with", "last_seen_at", "revoked_at"]
    list_filter = ["organizer"]
    form = DeviceForm
    fields = ["organizer", "name", "gate", "is_supervisor", "all_events", "events"]
    autocomplete_fields = ["events"]
    actions = ["revoke"]
    actions_detail = ["pair_this"]

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.check_in_list)
        live = self.admin_site.admin_view(self.live_door)
        own = [
            path("check-in/<uuid:event_id>/", page, name="tickets_device_check_in"),
            path("live/<uuid:event_id>/", live, name="tickets_device_live"),
            # Its caller shows the pass of the page above, which needs no session.
            path("live/<uuid:event_id>/part/", show_live_part, name="tickets_device_live_part"),
        ]
        return [*own, *super().get_urls()]

    def check_in_list(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        return show_check_in_list(self.admin_site, request, event_id)

    def live_door(self, request: HttpRequest, event_id: UUID) -> HttpResponse:
        return show_live_door(self.admin_site, request, event_id)

    def within(self, rows: QuerySet[Any], request: HttpRequest, right: Right) -> QuerySet[Any]:
        return devices_of(rows, request.user, right)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_right(request, Right.RUN_DOOR)

    def organizers_to_choose(self, request: HttpRequest) -> QuerySet[Organizer]:
        return seen_organizers(request.user, Right.RUN_DOOR)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: Any = None, **options: Any
    ) -> Any:
        form = super().get_form(request, obj, bool(change), **options)
        # The form checks what its user may choose.
        form.user = request.user
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        shown = list(super().get_readonly_fields(request, obj))
        return [*shown, "organizer"] if obj is not None else shown

    def make_secret(self, row: Device) -> str:
        token = make_token(TokenKind.DEVICE)
        row.digest, row.hint = token.digest, token.hint
        return token.text

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return show_new_device(self.admin_site, request, obj, obj.shown_once)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        device = chosen(self, request, str(object_id)).first()
        buttons = super().get_actions_detail(request, object_id)
        return buttons if device is not None and device.revoked_at is None else []

    @action(description=gettext_lazy("Pair a phone…"), permissions=["change"])
    def pair_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the QR code that makes a phone this device."""
        device = get_object_or_404(chosen(self, request, object_id))
        return show_pairing(self.admin_site, request, device)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        # A user who acts for several organizers may have chosen events of another one.
        device = form.instance
        device.events.set(device.events.filter(organizer_id=device.organizer_id))

    @admin.display(description=gettext_lazy("begins with"))
    def begins_with(self, device: Device) -> str:
        return f"{device.hint}…"

    @admin.action(description=gettext_lazy("Revoke…"), permissions=["change"])
    @dangerous
    @after_asking(
        Question(
            text=gettext_lazy("Revoke these devices for good?"),
            consequences=[
                gettext_lazy("They admit nobody from now on. A new device needs a new token."),
            ],
            confirm=gettext_lazy("Revoke the devices"),
            keep=gettext_lazy("Keep the devices"),
        )
    )
    def revoke(self, request: HttpRequest, rows: QuerySet[Device]) -> None:
        actor, now = user_actor(request.user), clock.now()
        revoked = sum(revoke_device(device_id=row.pk, actor=actor, now=now) for row in rows)
        messages.success(
            request,
            ngettext("%(count)d device revoked.", "%(count)d devices revoked.", revoked)
            % {"count": revoked},
        )
