"""The admin of webhook messages and of the attempts to send them."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin
from events.admin.confirming import Question, after_asking, on_its_page
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from tickets.webhooks.models import WebhookAttempt, WebhookMessage
from tickets.webhooks.sending import (
    body_of,
    send_again,
    webhook_id,
)


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


class MessageStateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("lost", _("given up")),
            ("waiting", _("waiting")),
            ("delivered", _("delivered")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "lost":
            return queryset.filter(next_attempt_at=None, delivered_at=None)
        if self.value() == "waiting":
            return queryset.filter(next_attempt_at__isnull=False)
        if self.value() == "delivered":
            return queryset.filter(delivered_at__isnull=False)
        return queryset


@admin.register(WebhookMessage)
class WebhookMessageAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "endpoint__organizer"
    right_to_see = Right.CHANGE_ORGANIZER
    when_empty = gettext_lazy("The messages to your webhooks appear here.")
    list_display = ["type", "shown_state", "endpoint", "attempts", "created_at"]
    list_filter = [MessageStateFilter, "type", "endpoint"]
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

    @admin.action(description=gettext_lazy("Send again"), permissions=["organizer"])
    def send_chosen_again(self, request: HttpRequest, rows: QuerySet[WebhookMessage]) -> None:
        for message in rows:
            send_again(message_id=message.pk, actor=user_actor(request.user), now=clock.now())
        messages.success(request, _("It will be sent again."))
        if rows.exclude(endpoint__disabled_at=None).exists():
            messages.warning(
                request,
                _("A webhook that is switched off gets the message after it is switched on again."),
            )

    @action(description=gettext_lazy("Send again"), permissions=["organizer"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Send this again?"),
            consequences=[
                gettext_lazy(
                    "The message keeps its id: a receiver that has processed it can ignore it."
                ),
            ],
            confirm=gettext_lazy("Send the message again"),
            keep=gettext_lazy("Send nothing"),
            is_harmless=True,
        )
    )
    def send_this_again(self, request: HttpRequest, rows: QuerySet[WebhookMessage]) -> None:
        self.send_chosen_again(request, rows)
