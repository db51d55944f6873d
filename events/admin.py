"""Where organizers make and run their events."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, F, Prefetch, Q, QuerySet, Sum, TextChoices
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from events.access import organizers_of
from events.catalogue import left_by_type
from events.inventory import claim_event, held_by_type
from events.models import (
    ApiToken,
    Event,
    EventStatus,
    Membership,
    Organizer,
    Scope,
    TicketType,
    Topic,
    WebhookAttempt,
    WebhookEndpoint,
    WebhookMessage,
)
from events.organizing import (
    add_ticket_type,
    cancel_event,
    change_capacity,
    publish_event,
    tell_of_change,
)
from events.own_admin import OwnAdmin, ReadOnlyAdmin, act_on_each, ask_first, chosen
from events.webhooks import (
    body_of,
    renew_secret,
    secrets_of,
    send_again,
    send_test,
    switch_on,
    webhook_id,
)
from ticketing import clock
from ticketing.outbound import AddressRefused, check_address
from ticketing.tokens import TokenKind, make_token

_STATUS_COLORS = {
    EventStatus.DRAFT: "warning",
    EventStatus.PUBLISHED: "success",
    EventStatus.CANCELLED: "danger",
}


class TicketTypeFormSet(BaseInlineFormSet):
    """Ticket types of one event, checked while nobody sells."""

    def clean(self) -> None:
        super().clean()
        if self.instance.pk is None or self.instance._state.adding:  # noqa: SLF001 - the admin's own way
            return
        # We are inside the admin's transaction: what we count here cannot change before we write.
        claim_event(Event.objects.values_list("number", flat=True).get(pk=self.instance.pk))
        held = held_by_type([self.instance.pk])
        for form in self.initial_forms:
            kind = form.instance
            now = TicketType.objects.get(pk=kind.pk)
            committed = now.promised + held.get(kind.pk, 0)
            wanted = form.cleaned_data.get("capacity")
            if form in self.deleted_forms and now.order_items.exists():
                raise ValidationError(
                    _("%(name)s has orders and cannot be deleted. Lower its capacity instead.")
                    % {"name": now.name}
                )
            if wanted is not None and wanted < committed:
                form.add_error(
                    "capacity",
                    _("%(count)d are sold or held already.") % {"count": committed},
                )


class TicketTypeInline(TabularInline):
    model = TicketType
    formset = TicketTypeFormSet
    extra = 0
    min_num = 0
    fields = [
        "name",
        "price",
        "capacity",
        "sold",
        "left",
        "max_per_order",
        "sales_start_at",
        "sales_end_at",
    ]
    readonly_fields = ["sold", "left"]

    @admin.display(description=gettext_lazy("left"))
    def left(self, kind: TicketType) -> str:
        if kind._state.adding:  # noqa: SLF001 - the admin's own way
            return "-"
        return str(left_by_type([kind.event_id]).get(kind.pk, 0))

    def has_add_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is None or obj.status != EventStatus.CANCELLED

    def has_view_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        return obj is not None and obj.status != EventStatus.CANCELLED


@admin.register(Event)
class EventAdmin(OwnAdmin):
    list_display = ["named", "shown_status", "when", "city", "sales"]
    list_filter = ["status", "organizer", "city"]
    list_filter_submit = True
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
            gettext_lazy("Where and when"),
            {
                "fields": ["venue", "address", "city", "timezone", "starts_at", "ends_at"],
                "description": gettext_lazy(
                    "Type times as the clock on the venue's wall shows them: they are read in the"
                    " event's time zone."
                ),
            },
        ),
        (
            gettext_lazy("The sale"),
            {
                "fields": [
                    "currency",
                    "max_per_order",
                    "hold_seconds",
                    "sales_start_at",
                    "sales_end_at",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        kinds = Prefetch("ticket_types", TicketType.objects.order_by("number"))
        return super().get_queryset(request).select_related("organizer").prefetch_related(kinds)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = list(super().get_readonly_fields(request, obj))
        if obj is not None and obj.orders.exists():
            # Buyers agreed to these.
            fixed += ["currency", "organizer"]
        return fixed

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        # The address of an event that exists does not follow its name.
        return {} if obj is not None else dict(super().get_prepopulated_fields(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        key = obj.pk if isinstance(obj, Event) else obj
        if key and Event.objects.filter(pk=key, status=EventStatus.CANCELLED).exists():
            return False
        return super().has_change_permission(request, obj)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        first = organizers_of(request.user).order_by("name").first()
        return {**super().get_changeform_initial_data(request), "organizer": first and first.pk}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Read and show times in the event's own zone."""
        with timezone.override(self._zone(request, object_id)):
            answer = super().changeform_view(request, object_id, form_url, extra_context)
            # Rendered here, while the zone is in force.
            return answer.render() if hasattr(answer, "render") else answer

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        # One round trip to Redis for the page, not one a row.
        events = list(changelist.result_list)
        left = left_by_type([event.pk for event in events])
        for event in events:
            event.left_by_type = left
        changelist.result_list = events
        return changelist

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Write ticket types by the verbs that know what a sale in progress needs."""
        tell_of_change(event_id=form.instance.pk)
        if formset.model is not TicketType:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)
        for gone in formset.deleted_objects:
            gone.delete()
        for kind, changed in formset.changed_objects:
            plain = [name for name in changed if name != "capacity"]
            if plain:
                kind.save(update_fields=plain)
            if "capacity" in changed:
                change_capacity(ticket_type_id=kind.pk, capacity=kind.capacity)
        for kind in formset.new_objects:
            add_ticket_type(kind=kind)

    @display(description=gettext_lazy("event"), header=True, ordering="name")
    def named(self, event: Event) -> list[str]:
        return [event.name, f"{event.organizer.name} · {event.venue}"]

    @display(description=gettext_lazy("status"), label=_STATUS_COLORS, ordering="status")
    def shown_status(self, event: Event) -> tuple[str, str]:
        return event.status, event.get_status_display()

    @display(description=gettext_lazy("when"), ordering="starts_at")
    def when(self, event: Event) -> str:
        local = event.starts_at.astimezone(ZoneInfo(event.timezone))
        return formats.date_format(local, "SHORT_DATE_FORMAT") + f" {local:%H:%M}"

    @display(description=gettext_lazy("sold / capacity, left"))
    def sales(self, event: Event) -> SafeString:
        kinds = list(event.ticket_types.all())
        sold, capacity = (sum(getattr(k, name) for k in kinds) for name in ("sold", "capacity"))
        left: dict[UUID, int] = getattr(event, "left_by_type", {})
        return show_sales(sold, capacity, sum(left.get(kind.pk, 0) for kind in kinds))

    @admin.display(description=gettext_lazy("on the site"))
    def public_page(self, event: Event) -> str | SafeString:
        if event._state.adding:  # noqa: SLF001 - the admin's own way
            return "-"
        return format_html('<a href="/events/{0}" class="underline">/events/{0}</a>', event.slug)

    @admin.display(description=gettext_lazy("sales"))
    def summary(self, event: Event) -> str | SafeString:
        if event._state.adding:  # noqa: SLF001 - the admin's own way
            return "-"
        return _show_summary(event)

    @admin.action(description=gettext_lazy("Publish"), permissions=["change"])
    def publish_chosen(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        act_on_each(
            request,
            rows,
            lambda event: publish_event(event_id=event.pk),
            done=_("%(count)d published."),
        )

    @admin.action(description=gettext_lazy("Cancel for good…"), permissions=["change"])
    def cancel_chosen(self, request: HttpRequest, rows: QuerySet[Event]) -> HttpResponse | None:
        open_rows = rows.exclude(status=EventStatus.CANCELLED)
        touched = open_rows.aggregate(
            held=Count("orders", filter=Q(orders__status="reserved")),
            paid=Count("orders", filter=Q(orders__status__in=["processing", "paid"])),
        )
        question = ask_first(
            self,
            request,
            action="cancel_chosen",
            question=_("Cancel these events? This cannot be undone."),
            consequences=[
                _("Nobody can buy from this moment on."),
                ngettext(
                    "%(count)d open reservation ends.",
                    "%(count)d open reservations end.",
                    touched["held"],
                )
                % {"count": touched["held"]},
                ngettext(
                    "%(count)d paid order is refunded in full, and its tickets are revoked.",
                    "%(count)d paid orders are refunded in full, and their tickets are revoked.",
                    touched["paid"],
                )
                % {"count": touched["paid"]},
            ],
            rows=open_rows,
            confirm=_("Yes, cancel"),
        )
        if question is not None:
            return question
        act_on_each(
            request,
            open_rows,
            lambda event: cancel_event(event_id=event.pk, now=clock.now()),
            done=_("%(count)d cancelled. Refunds are on their way."),
        )
        return None

    @action(description=gettext_lazy("Publish"), permissions=["change"])
    def publish_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="publish_this",
            question=_("Put this event on sale?"),
            consequences=[_("It is in the catalogue at once, and anybody can buy.")],
            rows=rows,
            confirm=_("Yes, publish"),
        )
        if question is None:
            self.publish_chosen(request, rows)
        return question or redirect("admin:events_event_change", object_id)

    @action(description=gettext_lazy("Cancel for good…"), permissions=["change"])
    def cancel_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        page = self.cancel_chosen(request, chosen(self, request, object_id))
        return page or redirect("admin:events_event_change", object_id)

    def _zone(self, request: HttpRequest, object_id: str | None) -> ZoneInfo:
        name = request.POST.get("timezone") if request.method == "POST" else None
        if name is None and object_id:
            zones = chosen(self, request, object_id).values_list("timezone", flat=True)
            name = zones.order_by("pk").first()
        try:
            return ZoneInfo(name or Event().timezone)
        except (ValueError, OSError):
            # The form will say that there is no such zone.
            return ZoneInfo("UTC")


def show_sales(sold: int, capacity: int, left: int) -> SafeString:
    """Return a bar of how an event sells, in words too."""
    percent = round(100 * sold / capacity) if capacity else 0
    return format_html(
        '<div class="min-w-40"><div class="h-1.5 rounded-full bg-base-200 dark:bg-base-700'
        ' overflow-hidden"><div class="h-full bg-primary-600" style="width:{}%"></div></div>'
        '<span class="text-xs">{} / {} · {}</span></div>',
        percent,
        sold,
        capacity,
        _("%(count)d left") % {"count": left},
    )


def _show_summary(event: Event) -> SafeString:
    kept = F("order_items__quantity") - F("order_items__returned")
    money = kept * F("order_items__unit_price")
    kinds = list(
        event.ticket_types.order_by("number").annotate(
            revenue=Sum(money, filter=Q(order_items__order__status="paid"))
        )
    )
    left, held = left_by_type([event.pk]), held_by_type([event.pk])
    admitted = dict(
        event.tickets.filter(status="used")
        .values_list("ticket_type_id")
        .annotate(count=Count("pk"))
    )
    head = [_("type"), _("sold"), _("held"), _("left"), _("revenue"), _("admitted")]
    rows = [
        (
            kind.name,
            kind.sold,
            held.get(kind.pk, 0) + kind.promised - kind.sold,
            left.get(kind.pk, 0),
            f"{formats.number_format(kind.revenue or 0, 2)} {event.currency}",
            admitted.get(kind.pk, 0),
        )
        for kind in kinds
    ]
    cell = "pr-4 py-1 text-left"
    return format_html(
        '<div class="overflow-x-auto" style="max-width:calc(100vw - 6rem)">'
        '<table class="text-sm"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        format_html_join("", '<th class="{} font-semibold">{}</th>', ((cell, w) for w in head)),
        format_html_join(
            "",
            "<tr>{}</tr>",
            (
                (format_html_join("", '<td class="{}">{}</td>', ((cell, w) for w in row)),)
                for row in rows
            ),
        ),
    )


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    autocomplete_fields = ["user"]


@admin.register(Organizer)
class OrganizerAdmin(OwnAdmin):
    list_display = ["name", "email", "created_at"]
    search_fields = ["name", "email"]
    inlines = [MembershipInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = ModelAdmin.get_queryset(self, request)
        return rows.filter(pk__in=organizers_of(request.user))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


def choices_with_names(choices: type[TextChoices]) -> list[tuple[str, Any]]:
    """Return choices in words, each with the name that programs and their documents call it by."""
    return [(name, format_lazy("{} · {}", words, name)) for name, words in choices.choices]


class ApiTokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=capfirst(gettext_lazy("may")),
        choices=choices_with_names(Scope),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        # Not the model's: who makes a token by hand says what it may.
        initial=list,
        help_text=gettext_lazy("Give a token no more than its system needs."),
    )


@admin.register(ApiToken)
class ApiTokenAdmin(OwnAdmin):
    list_display = ["name", "organizer", "begins_with", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["organizer"]
    form = ApiTokenForm
    fields = ["organizer", "name", "scopes", "expires_at"]
    actions = ["revoke"]
    actions_detail = ["revoke_this"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        more = ["begins_with", "last_used_at", "revoked_at"] if obj is not None else []
        return [*super().get_fields(request, obj), *more]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = ["organizer", "begins_with", "last_used_at", "revoked_at"]
        return fixed if obj is not None else []

    def has_revoke_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Say whether somebody may revoke this token: once is enough."""
        return chosen(self, request, object_id).filter(revoked_at=None).exists()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change:
            token = make_token(TokenKind.API)
            obj.digest, obj.hint = token.digest, token.hint
            tell_once(request, token.text)
        super().save_model(request, obj, form, change)

    @admin.display(description=gettext_lazy("begins with"))
    def begins_with(self, token: ApiToken) -> str:
        return f"{token.hint}…"

    @admin.action(description=gettext_lazy("Revoke"), permissions=["change"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiToken]) -> None:
        revoked = rows.filter(revoked_at=None).update(revoked_at=clock.now())
        messages.success(request, _("%(count)d revoked.") % {"count": revoked})

    @action(description=gettext_lazy("Revoke…"), permissions=["change", "revoke"])
    def revoke_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="revoke_this",
            question=_("Revoke this token for good?"),
            consequences=[_("The system that uses it is shut out at once.")],
            rows=rows,
            confirm=_("Yes, revoke"),
        )
        if question is None:
            self.revoke(request, rows)
        return question or redirect("admin:events_apitoken_change", object_id)


def tell_once(request: HttpRequest, text: str) -> None:
    """Show a token or a secret to the one who made it, this one time."""
    messages.warning(
        request,
        format_html(
            "{} <code style='user-select:all;overflow-wrap:anywhere'>{}</code>",
            _("Copy this now, it is not shown again:"),
            text,
        ),
    )


class WebhookForm(forms.ModelForm):
    types = forms.MultipleChoiceField(
        label=capfirst(gettext_lazy("tells of")),
        choices=choices_with_names(Topic),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("None means all of them, also those to come."),
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_address(url)
        except AddressRefused as refused:
            raise ValidationError(
                _("We cannot send there: it must be a public https address.")
            ) from refused
        return url


@admin.register(WebhookEndpoint)
class WebhookAdmin(OwnAdmin):
    list_display = ["url", "organizer", "shown_state", "waiting", "created_at"]
    list_filter = ["organizer"]
    form = WebhookForm
    fields = ["organizer", "url", "types"]
    actions = ["test_chosen", "switch_on_chosen"]
    actions_detail = ["test_this", "renew_this", "switch_off_this", "switch_on_this"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waits = Count("messages", filter=Q(messages__next_attempt_at__isnull=False))
        return super().get_queryset(request).annotate(waits=waits)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        asked = super().get_fields(request, obj)
        return ["state", *asked, "its_messages", "rotated_at"] if obj is not None else asked

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = ["organizer", "state", "its_messages", "rotated_at"]
        return fixed if obj is not None else []

    def has_use_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Say whether this webhook is on, so that it may be tested or switched off."""
        return chosen(self, request, object_id).filter(disabled_at=None).exists()

    def has_wake_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Say whether this webhook is off, so that it may be switched on."""
        return chosen(self, request, object_id).exclude(disabled_at=None).exists()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            tell_once(request, secrets_of(obj, now=clock.now())[0])

    @display(
        description=gettext_lazy("state"),
        label={"on": "success", "off": "danger"},
        ordering="disabled_at",
    )
    def shown_state(self, endpoint: WebhookEndpoint) -> tuple[str, str]:
        return ("off", _("switched off")) if endpoint.disabled_at else ("on", _("on"))

    @admin.display(description=gettext_lazy("state"))
    def state(self, endpoint: WebhookEndpoint) -> str:
        return self.shown_state(endpoint)[1]

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waits)

    @admin.display(description=gettext_lazy("webhook messages"))
    def its_messages(self, endpoint: Any) -> SafeString:
        return format_html(
            '<a href="{}?endpoint__id__exact={}" class="underline">{}</a>',
            reverse("admin:events_webhookmessage_changelist"),
            endpoint.pk,
            _("See them, %(count)d waiting") % {"count": endpoint.waits},
        )

    @admin.action(description=gettext_lazy("Send a test"), permissions=["change"])
    def test_chosen(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        tests = [
            send_test(endpoint=endpoint, now=clock.now())
            for endpoint in rows.filter(disabled_at=None)
        ]
        if tests:
            messages.success(request, _("A test is on its way. See the webhook messages."))
        if len(tests) < rows.count():
            messages.warning(request, _("A webhook that is switched off gets no test."))

    @admin.action(description=gettext_lazy("Switch on again"), permissions=["change"])
    def switch_on_chosen(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in rows:
            switch_on(endpoint_id=endpoint.pk, now=clock.now())
        messages.success(request, _("Switched on. What still waited is on its way."))

    @action(description=gettext_lazy("Send a test"), permissions=["change", "use"])
    def test_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="test_this",
            question=_("Send a test?"),
            consequences=[_("The address gets a message that says that nothing has happened.")],
            rows=rows,
            confirm=_("Yes, send"),
        )
        if question is None:
            self.test_chosen(request, rows)
        return question or redirect("admin:events_webhookendpoint_change", object_id)

    @action(description=gettext_lazy("Renew the secret…"), permissions=["change"])
    def renew_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="renew_this",
            question=_("Make a new secret?"),
            consequences=[
                _("It is shown once. For a day, messages are signed by the old one too."),
            ],
            rows=rows,
            confirm=_("Yes, renew"),
        )
        if question is None:
            for endpoint in rows:
                tell_once(request, renew_secret(endpoint_id=endpoint.pk, now=clock.now()))
        return question or redirect("admin:events_webhookendpoint_change", object_id)

    @action(description=gettext_lazy("Switch off…"), permissions=["change", "use"])
    def switch_off_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="switch_off_this",
            question=_("Switch this webhook off?"),
            consequences=[_("What happens meanwhile is not told, not even later.")],
            rows=rows,
            confirm=_("Yes, switch off"),
        )
        if question is None:
            rows.filter(disabled_at=None).update(disabled_at=clock.now())
            messages.success(request, _("Switched off."))
        return question or redirect("admin:events_webhookendpoint_change", object_id)

    @action(description=gettext_lazy("Switch on again…"), permissions=["change", "wake"])
    def switch_on_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="switch_on_this",
            question=_("Switch this webhook on again?"),
            consequences=[_("What still waits is sent at once.")],
            rows=rows,
            confirm=_("Yes, switch on"),
        )
        if question is None:
            self.switch_on_chosen(request, rows)
        return question or redirect("admin:events_webhookendpoint_change", object_id)


class WebhookAttemptInline(TabularInline):
    model = WebhookAttempt
    extra = 0
    can_delete = False
    hide_title = True
    fields = ["at", "status", "answer", "error", "milliseconds"]
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True


@admin.register(WebhookMessage)
class WebhookMessageAdmin(ReadOnlyAdmin):
    organizer_path = "endpoint__organizer"
    list_display = ["type", "shown_state", "endpoint", "attempts", "created_at"]
    list_filter = ["type", "endpoint"]
    list_select_related = ["endpoint"]
    search_fields = ["=subject"]
    search_help_text = gettext_lazy("Id of an order or an event")
    inlines = [WebhookAttemptInline]
    actions = ["send_chosen_again"]
    actions_detail = ["send_this_again"]
    fields = [
        "state",
        "endpoint",
        "type",
        "body",
        "created_at",
        "attempts",
        "delivered_at",
        "next_attempt_at",
    ]
    readonly_fields = ["state", "body"]

    @admin.display(description=gettext_lazy("request"))
    def body(self, message: WebhookMessage) -> SafeString:
        return format_html(
            '<pre style="white-space:pre-wrap;overflow-wrap:anywhere">POST {}\nwebhook-id: {}\n\n{}'
            "</pre>",
            message.endpoint.url,
            webhook_id(message),
            body_of(message).decode(),
        )

    @display(
        description=gettext_lazy("state"),
        label={"delivered": "success", "waiting": "warning", "off": "danger", "lost": "danger"},
    )
    def shown_state(self, message: WebhookMessage) -> tuple[str, str]:
        if message.delivered_at:
            return "delivered", _("delivered")
        if message.next_attempt_at is None:
            return "lost", _("given up")
        if message.endpoint.disabled_at:
            return "off", _("webhook switched off")
        return "waiting", _("waiting")

    @admin.display(description=gettext_lazy("state"))
    def state(self, message: WebhookMessage) -> str:
        return self.shown_state(message)[1]

    @admin.action(description=gettext_lazy("Send again"), permissions=["act"])
    def send_chosen_again(self, request: HttpRequest, rows: QuerySet[WebhookMessage]) -> None:
        for message in rows:
            send_again(message_id=message.pk, now=clock.now())
        messages.success(request, _("It will be sent again."))
        if rows.exclude(endpoint__disabled_at=None).exists():
            messages.warning(request, _("What is switched off is told when it is on again."))

    @action(description=gettext_lazy("Send again"), permissions=["act"])
    def send_this_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        question = ask_first(
            self,
            request,
            action="send_this_again",
            question=_("Send this again?"),
            consequences=[_("It keeps its id: a receiver that has it already can ignore it.")],
            rows=rows,
            confirm=_("Yes, send"),
        )
        if question is None:
            self.send_chosen_again(request, rows)
        return question or redirect("admin:events_webhookmessage_change", object_id)
