"""The admin of events: organizers create, change, publish and cancel them."""

import copy
from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from unfold.decorators import action, display

from events.access import organizers_of
from events.admin.base import OwnAdmin, act_on_each, chosen, rows_of_key
from events.admin.confirming import Question, after_asking, on_its_page
from events.admin.event_form import EventForm
from events.admin.refusals import say_refusal
from events.admin.sales import show_sales, show_summary
from events.admin.ticket_types import TicketTypeInline
from events.catalogue import left_by_type
from events.models import (
    Event,
    EventStatus,
    TicketType,
)
from events.organizing import cancel_event, change_event, create_event
from events.publishing import publish_event
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.clock import zone_named
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory

_STATUS_COLORS = {
    EventStatus.DRAFT: "warning",
    EventStatus.PUBLISHED: "success",
    EventStatus.CANCELLED: "danger",
}


WHERE_AND_WHEN = gettext_lazy("Where and when")


def _not_cancelled(events: QuerySet[Event]) -> QuerySet[Event]:
    return events.exclude(status=EventStatus.CANCELLED)


def _ask_to_cancel(events: QuerySet[Event]) -> Question:
    counts = _not_cancelled(events).aggregate(
        held=Count("orders", filter=Q(orders__status="reserved")),
        paid=Count("orders", filter=Q(orders__status__in=["processing", "paid"])),
    )
    return Question(
        text=_("Cancel these events? This cannot be undone."),
        consequences=[
            _("From now on, nobody can buy tickets."),
            ngettext(
                "%(count)d open reservation ends.",
                "%(count)d open reservations end.",
                counts["held"],
            )
            % {"count": counts["held"]},
            ngettext(
                "%(count)d paid order is refunded in full, and its tickets are revoked.",
                "%(count)d paid orders are refunded in full, and their tickets are revoked.",
                counts["paid"],
            )
            % {"count": counts["paid"]},
        ],
        confirm=_("Yes, cancel"),
        about=_not_cancelled(events),
    )


@admin.register(Event)
class EventAdmin(ShowsHistory, OwnAdmin):
    form = EventForm
    event_path = "pk"
    right_to_change = Right.CHANGE_EVENTS
    list_display = ["named", "shown_status", "when", "city", "sales"]
    list_filter = ["status", "organizer", "city"]
    search_fields = ["name", "venue", "city", "slug"]
    ordering = ["-starts_at"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [TicketTypeInline]
    actions = ["publish_chosen", "cancel_chosen"]
    actions_detail = ["publish_this", "cancel_this"]
    readonly_fields = ["status", "summary", "public_page"]
    fieldsets = [
        (None, {"fields": ["status", "summary", "public_page"]}),
        (
            gettext_lazy("The event"),
            {"fields": ["organizer", "name", "slug", "description", "image_url"]},
        ),
        (
            WHERE_AND_WHEN,
            {
                "fields": ["venue", "address", "city", "timezone", "starts_at", "ends_at"],
                "description": gettext_lazy(
                    "Enter times in the event's time zone, as a clock at the venue shows them."
                ),
            },
        ),
        (gettext_lazy("The door"), {"fields": ["checkin_starts_at", "checkin_ends_at"]}),
        (
            gettext_lazy("The sale"),
            {
                "fields": [
                    "currency",
                    "max_per_order",
                    "max_per_customer",
                    "max_per_address",
                    "requires_proof_of_work",
                    "hold_seconds",
                    "confirms_free_orders",
                    "sales_start_at",
                    "sales_end_at",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        kinds = Prefetch("ticket_types", TicketType.objects.order_by("number"))
        return super().get_queryset(request).select_related("organizer").prefetch_related(kinds)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = copy.deepcopy(super().get_fieldsets(request, obj))
        if obj is not None and obj.status == EventStatus.PUBLISHED:
            dict(fieldsets)[WHERE_AND_WHEN]["fields"].append("notify_buyers")
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        if obj is not None and obj.orders.exists():
            # The buyers of these orders agreed to them.
            fixed += ["currency", "organizer"]
        return fixed

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        # Only for a new event: the slug of an existing event must not change with its name.
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        key = obj.pk if isinstance(obj, Event) else obj
        cancelled = Event.objects.filter(status=EventStatus.CANCELLED)
        if key and rows_of_key(cancelled, key).exists():
            return False
        return super().has_change_permission(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        first = organizers_of(request.user, Right.CHANGE_EVENTS).order_by("name").first()
        return {**super().get_changeform_initial_data(request), "organizer": first and first.pk}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Parse and show times in the event's time zone."""
        with timezone.override(self._zone(request, object_id)):
            try:
                response = super().changeform_view(request, object_id, form_url, extra_context)
            except Refusal as refusal:
                # The event has changed since the form was checked. Nothing was written.
                messages.error(request, say_refusal(refusal))
                return redirect(request.get_full_path())
            # Render here: after this block another time zone is active.
            return response.render() if hasattr(response, "render") else response

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        # One round trip to Redis for the whole page.
        events = list(changelist.result_list)
        left = left_by_type([event.pk for event in events])
        for event in events:
            event.left_by_type = left
        changelist.result_list = events
        return changelist

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Write nothing: `save_related` writes the event together with its ticket types."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Write an event and its ticket types by the verbs that the API calls too."""
        (kinds,) = formsets
        # Writes nothing, but sets `new_objects`, and what Django's own log entry needs.
        kinds.save(commit=False)
        actor, now = user_actor(request.user), clock.now()
        if not change:
            create_event(event=form.instance, ticket_types=kinds.new_objects, actor=actor, now=now)
            return
        change_event(
            event_id=form.instance.pk,
            fields={
                name: form.cleaned_data[name]
                for name in form.changed_data
                if name != "notify_buyers"
            },
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
        return event.status, event.get_status_display()

    @display(description=gettext_lazy("when"), ordering="starts_at")
    def when(self, event: Event) -> str:
        local = event.starts_at.astimezone(zone_named(event.timezone))
        return formats.date_format(local, "SHORT_DATE_FORMAT") + f" {local:%H:%M}"

    @display(description=gettext_lazy("sold / capacity, left"))
    def sales(self, event: Event) -> SafeString:
        kinds = list(event.ticket_types.all())
        sold, capacity = (sum(getattr(k, name) for k in kinds) for name in ("sold", "capacity"))
        left: dict[UUID, int] = getattr(event, "left_by_type", {})
        return show_sales(sold, capacity, sum(left.get(kind.pk, 0) for kind in kinds))

    @admin.display(description=gettext_lazy("on the site"))
    def public_page(self, event: Event) -> str | SafeString:
        if event._state.adding:  # noqa: SLF001 - as Django's admin does
            return "-"
        return format_html('<a href="/events/{0}" class="underline">/events/{0}</a>', event.slug)

    @admin.display(description=gettext_lazy("sales"))
    def summary(self, event: Event) -> str | SafeString:
        if event._state.adding:  # noqa: SLF001 - as Django's admin does
            return "-"
        return show_summary(event)

    @admin.action(description=gettext_lazy("Publish"), permissions=["change"])
    def publish_chosen(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        act_on_each(
            request,
            rows,
            lambda event: publish_event(
                event_id=event.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d event published.", "%(count)d events published.", "count"
            ),
        )

    @admin.action(description=gettext_lazy("Cancel for good…"), permissions=["change"])
    @after_asking(_ask_to_cancel)
    def cancel_chosen(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        act_on_each(
            request,
            _not_cancelled(rows),
            lambda event: cancel_event(
                event_id=event.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d event cancelled. Refunds are on their way.",
                "%(count)d events cancelled. Refunds are on their way.",
                "count",
            ),
        )

    @action(description=gettext_lazy("Publish"), permissions=["change"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Put this event on sale?"),
            consequences=[
                gettext_lazy("It appears in the catalogue at once, and anybody can buy tickets."),
            ],
            confirm=gettext_lazy("Yes, publish"),
        )
    )
    def publish_this(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        self.publish_chosen(request, rows)

    @action(description=gettext_lazy("Cancel for good…"), permissions=["change"])
    @on_its_page
    def cancel_this(self, request: HttpRequest, rows: QuerySet[Event]) -> HttpResponse | None:
        return self.cancel_chosen(request, rows)

    def _zone(self, request: HttpRequest, object_id: str | None) -> ZoneInfo:
        name = request.POST.get("timezone") if request.method == "POST" else None
        if name is None and object_id:
            zones = chosen(self, request, object_id).values_list("timezone", flat=True)
            name = zones.order_by("pk").first()
        # An unknown name gives UTC here, and an error in the form.
        return zone_named(name or Event().timezone)
