"""The admin of events: organizers create, change, publish and cancel them."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from events.access import organizers_of
from events.admin.base import chosen, rows_of_key
from events.admin.cancelling import count_progress
from events.admin.checklist import show_checklist
from events.admin.event_actions import EventActions
from events.admin.event_form import EventForm
from events.admin.event_links import LinksToDoorAndBoxOffice
from events.admin.gates import HasGates, save_gates
from events.admin.questions import save_questions
from events.admin.refusals import say_refusal
from events.admin.sales import attach_figures, show_sales, show_summary
from events.admin.ticket_types import TicketTypeInline
from events.admin.wording import show_when
from events.models import Event, EventStatus, Gate, Organizer, Question, TicketType
from events.organizing import change_event, create_event
from events.roles import Right
from events.time_zones import name_time_zone
from events.wording import public_address
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory
from ticketing.sound_admin import worked_out_once

_STATUS_COLORS = {
    EventStatus.DRAFT: "warning",
    EventStatus.PUBLISHED: "success",
    EventStatus.CANCELLED: "danger",
    "over": "default",
}


@admin.register(Event)
class EventAdmin(ShowsHistory, LinksToDoorAndBoxOffice, HasGates, EventActions):
    form = EventForm
    event_path = "pk"
    right_to_change = Right.CHANGE_EVENTS
    when_empty = gettext_lazy(
        "An event has a date, a place and ticket types. Until you publish it, nobody sees it."
    )
    list_display = ["named", "shown_status", "when", "city", "sales"]
    list_filter = ["status", "organizer", "city"]
    search_fields = ["name", "venue", "city", "slug"]
    ordering = ["-starts_at"]
    inlines = [TicketTypeInline]
    actions_detail = [
        "open_box_office",
        "open_check_in_list",
        "open_live_door",
        *EventActions.actions_detail,
    ]
    readonly_fields = [
        "status",
        "summary",
        "checklist",
        "cancellation_note",
        "progress",
        "public_page",
        "place_of_clock",
    ]
    fieldsets = [
        (
            gettext_lazy("The event"),
            {"fields": ["organizer", "name", "description", "image_url"]},
        ),
        (
            gettext_lazy("When and where"),
            {
                "fields": ["starts_at", "ends_at", "timezone", "venue", "address", "city"],
                "classes": ["before-ticket-types"],
            },
        ),
        (
            gettext_lazy("The sale"),
            {
                "fields": [
                    "sales_start_at",
                    "sales_end_at",
                    "max_per_order",
                    "currency",
                    "allows_transfers",
                ]
            },
        ),
        (
            gettext_lazy("The door"),
            {
                "fields": ["checkin_starts_at", "checkin_ends_at", "reentry", "confirm_first"],
                "classes": ["before-gates"],
            },
        ),
        (gettext_lazy("The page on the site"), {"fields": ["slug"]}),
        (
            gettext_lazy("Limits and protection against bots"),
            {
                "fields": [
                    "hold_seconds",
                    "max_per_customer",
                    "max_per_address",
                    "confirms_free_orders",
                    "requires_proof_of_work",
                ],
                "description": gettext_lazy("Most events need no change here."),
                "classes": ["collapse"],
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        kinds = Prefetch("ticket_types", TicketType.objects.order_by("number"))
        return super().get_queryset(request).select_related("organizer").prefetch_related(kinds)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        if obj is not None and obj.orders.exists():
            # The buyers of these orders agreed to them.
            fixed += ["currency", "organizer"]
        return fixed

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (first, options), (second, where), *others = super().get_fieldsets(request, obj)
        if not self._can_choose_organizer(request, obj):
            offered = [name for name in options["fields"] if name != "organizer"]
            options = {**options, "fields": offered}
        if obj is not None and obj.status == EventStatus.PUBLISHED:
            where = {**where, "fields": [*where["fields"], "notify_buyers"]}
        if obj is not None and not self.has_change_permission(request, obj):
            # Nobody chooses it here, so it is shown by its place instead of its id.
            fields = ["place_of_clock" if name == "timezone" else name for name in where["fields"]]
            where = {**where, "fields": fields}
        sets = [(first, options), (second, where), *others]
        if obj is None:
            return sets
        shown = {
            EventStatus.DRAFT: ["status", "checklist"],
            EventStatus.PUBLISHED: ["status", "summary", "public_page"],
            EventStatus.CANCELLED: ["status", "cancellation_note", "progress", "summary"],
        }
        return [(None, {"fields": shown[obj.status]}), *sets]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        key = obj.pk if isinstance(obj, Event) else obj
        cancelled = Event.objects.filter(status=EventStatus.CANCELLED)
        if key and self.once(
            request, ("cancelled", str(key)), lambda: rows_of_key(cancelled, key).exists()
        ):
            return False
        return super().has_change_permission(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        first = self._own_organizers(request).first()
        return {**super().get_changeform_initial_data(request), "organizer": first and first.pk}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **options)
        if db_field.name == "organizer":
            field.queryset = self._own_organizers(request)
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Parse and show times in the event's time zone."""
        context = dict(extra_context or {})
        if object_id and self.has_change_permission(request, object_id):
            context["cancel_url"] = reverse("admin:events_event_cancel_this", args=[object_id])
        with timezone.override(self._zone(request, object_id)):
            try:
                response = super().changeform_view(request, object_id, form_url, context)
            except Refusal as refusal:
                # The event has changed since the form was checked. Nothing was written.
                messages.error(request, say_refusal(refusal))
                return redirect(request.get_full_path())
            if formsets := getattr(response, "context_data", {}).get("inline_admin_formsets"):
                response.context_data["unconfirmed"] = formsets[0].formset.unconfirmed
            # Render here: after this block another time zone is active.
            return response.render() if hasattr(response, "render") else response

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        events = list(changelist.result_list)
        attach_figures(events)
        changelist.result_list = events
        return changelist

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Write nothing: `save_related` writes the event together with its ticket types."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Write an event and its ticket types by the verbs that the API calls too."""
        kinds, *others = formsets
        # Writes nothing, but sets `new_objects`, and what Django's own log entry needs.
        kinds.save(commit=False)
        actor, now = user_actor(request.user), clock.now()
        if not change:
            if form.instance.organizer_id is None:
                form.instance.organizer = self._own_organizers(request).get()
            create_event(event=form.instance, ticket_types=kinds.new_objects, actor=actor, now=now)
            return
        # First, so that they may still name the ticket types that are dropped below.
        questions = [formset for formset in others if formset.model is Question]
        gates = [formset for formset in others if formset.model is Gate]
        save_questions(questions, event_id=form.instance.pk, actor=actor, now=now)
        save_gates(gates, event_id=form.instance.pk, actor=actor, now=now)
        change_event(
            event_id=form.instance.pk,
            fields=form.changes(),
            notify_buyers=form.cleaned_data.get("notify_buyers", True),
            ticket_types=kinds.type_changes(),
            dropped=kinds.dropped(),
            actor=actor,
            now=now,
        )

    @display(description=gettext_lazy("event"), header=True, ordering="name")
    def named(self, event: Event) -> list[str]:
        return [event.name, f"{event.organizer.name} · {event.venue}"]

    @display(description=gettext_lazy("status"), label=_STATUS_COLORS, ordering="status")
    def shown_status(self, event: Event) -> tuple[str, str]:
        if event.status == EventStatus.PUBLISHED and event.ends_at <= clock.now():
            return "over", _("over")
        return event.status, event.get_status_display()

    @display(description=gettext_lazy("when"), ordering="starts_at")
    def when(self, event: Event) -> str:
        return show_when(event)

    @display(description=gettext_lazy("sold"))
    def sales(self, event: Event) -> SafeString:
        bar = show_sales(event)
        # By name: the dashboard is a page of `tickets`.
        return format_html('<a href="{}">{}</a>', reverse("event_dashboard", args=[event.pk]), bar)

    @admin.display(description=gettext_lazy("on the site"))
    def public_page(self, event: Event) -> SafeString:
        return format_html('<a href="{0}" class="underline">{0}</a>', public_address(event))

    @admin.display(description=gettext_lazy("time zone"))
    def place_of_clock(self, event: Event) -> str:
        return name_time_zone(event.timezone)

    @admin.display(description=gettext_lazy("sales"))
    @worked_out_once
    def summary(self, event: Event) -> SafeString:
        return format_html(
            '{}<a href="{}" class="underline">{}</a>',
            show_summary(event, with_revenue=getattr(event, "shows_orders", False)),
            reverse("event_dashboard", args=[event.pk]),
            _("Sales and entries"),
        )

    @admin.display(description=gettext_lazy("before you publish"))
    @worked_out_once
    def checklist(self, event: Event) -> SafeString:
        return show_checklist(event)

    @admin.display(description=gettext_lazy("cancellation"))
    @worked_out_once
    def progress(self, event: Event) -> SafeString:
        return format_html(
            '<div data-progress-url="{}" aria-live="polite">{}</div>',
            reverse("admin:events_event_progress_this", args=[event.pk]),
            render_to_string(
                "admin/cancellation_progress.html", {"progress": count_progress(event)}
            ),
        )

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Go on at the event's page, which says what it still needs."""
        messages.success(
            request,
            _("“%(name)s” is saved as a draft. Nobody sees it until you publish it.")
            % {"name": obj.name},
        )
        return redirect("admin:events_event_change", obj.pk)

    def response_change(self, request: HttpRequest, obj: Any) -> Any:
        messages.success(request, _("The changes of “%(name)s” are saved.") % {"name": obj.name})
        return redirect("admin:events_event_change", obj.pk)

    def _can_choose_organizer(self, request: HttpRequest, event: Event | None) -> bool:
        own = self._own_organizers(request)
        if event is not None and not own.filter(pk=event.organizer_id).exists():
            # A member who is limited to some events may change this one, but not move it.
            return False
        return request.user.is_superuser or len(own[:2]) > 1

    def _own_organizers(self, request: HttpRequest) -> QuerySet[Organizer]:
        """Return the organizers for which the user may make events."""
        return organizers_of(request.user, Right.CHANGE_EVENTS).order_by("name", "pk")

    def _zone(self, request: HttpRequest, object_id: str | None) -> ZoneInfo:
        name = request.POST.get("timezone") if request.method == "POST" else None
        if name is None and object_id:
            zones = chosen(self, request, object_id).values_list("timezone", flat=True)
            name = zones.order_by("pk").first()
        # An unknown name gives UTC here, and an error in the form.
        return zone_named(name or Event().timezone)
