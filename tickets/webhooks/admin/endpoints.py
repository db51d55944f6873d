"""The admin of webhook endpoints: creating, testing, renewing secrets, switching on and off."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from events.admin.base import chosen
from events.admin.choices import choices_with_names
from events.admin.confirming import Question, after_asking, ask_first, dangerous, on_its_page
from events.admin.once import OnceAdmin, redirect_to_made_row, show_secret
from events.admin.refusals import say_refusal
from events.models import Organizer
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType
from ticketing.text import check_web_address
from tickets.webhooks.models import Topic, WebhookEndpoint
from tickets.webhooks.outbound import AddressRefused, check_address
from tickets.webhooks.sending import (
    TooManyWebhooks,
    refuse_too_many_webhooks,
    send_test,
    switch_off,
    switch_on,
)
from tickets.webhooks.signing import SecretWasRenewed, renew_secret, secrets_of


class WebhookForm(forms.ModelForm):
    types = forms.MultipleChoiceField(
        label=gettext_lazy("Message types"),
        choices=choices_with_names(Topic),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Choose none to send all types, also those that are added later."),
    )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        check_web_address(url)
        try:
            check_address(url)
        except AddressRefused as refused:
            raise ValidationError(
                _("We cannot send to this address. Enter a public https address.")
            ) from refused
        return url

    def clean_organizer(self) -> Organizer:
        organizer: Organizer = self.cleaned_data["organizer"]
        try:
            refuse_too_many_webhooks(organizer_id=organizer.pk)
        except TooManyWebhooks as refused:
            raise ValidationError(say_refusal(refused)) from refused
        return organizer


@admin.register(WebhookEndpoint)
class WebhookAdmin(ShowsHistory, RecordsSaves, OnceAdmin):
    right_to_see = Right.CHANGE_ORGANIZER
    created_act = ActType.WEBHOOK_CREATED
    changed_act = ActType.WEBHOOK_CHANGED
    when_empty = gettext_lazy(
        "A webhook tells another system at once what happens here, such as a sale."
    )
    list_display = ["url", "organizer", "shown_state", "waiting", "created_at"]
    list_filter = ["organizer"]
    search_fields = ["url"]
    form = WebhookForm
    fields = ["organizer", "url", "types"]
    actions = ["test_chosen", "switch_on_chosen"]
    actions_detail = ["test_this", "switch_on_this", "renew_this", "switch_off_this"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waiting = Count("messages", filter=Q(messages__next_attempt_at__isnull=False))
        return super().get_queryset(request).annotate(messages_waiting=waiting)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        fields = super().get_fields(request, obj)
        return ["state", *fields, "its_messages", "rotated_at"] if obj is not None else fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        fixed = ["organizer", "state", "its_messages", "rotated_at"]
        shown = list(super().get_readonly_fields(request, obj))
        return [*shown, *fixed] if obj is not None else shown

    def has_use_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this webhook is on, so that it can be tested or switched off."""
        return chosen(self, request, object_id).filter(disabled_at=None).exists()

    def has_wake_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this webhook is off, so that it can be switched on."""
        return chosen(self, request, object_id).exclude(disabled_at=None).exists()

    def make_secret(self, row: WebhookEndpoint) -> str:
        # The secret is derived from the row, so that nothing else must be stored.
        return secrets_of(row, now=clock.now())[0]

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
        return int(endpoint.messages_waiting)

    @admin.display(description=gettext_lazy("webhook messages"))
    def its_messages(self, endpoint: Any) -> SafeString:
        return format_html(
            '<a href="{}?endpoint__id__exact={}" class="underline">{}</a>',
            reverse("admin:webhooks_webhookmessage_changelist"),
            endpoint.pk,
            _("Show messages (%(count)d waiting)") % {"count": endpoint.messages_waiting},
        )

    @admin.action(description=gettext_lazy("Send a test"), permissions=["change"])
    def test_chosen(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        tests = [
            send_test(endpoint=endpoint, actor=user_actor(request.user), now=clock.now())
            for endpoint in rows.filter(disabled_at=None)
        ]
        if tests:
            messages.success(
                request, _("A test will be sent. The webhook messages show its result.")
            )
        if len(tests) < rows.count():
            messages.warning(request, _("A webhook that is switched off gets no test."))

    @admin.action(description=gettext_lazy("Switch on again"), permissions=["change"])
    def switch_on_chosen(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in rows:
            switch_on(endpoint_id=endpoint.pk, actor=user_actor(request.user), now=clock.now())
        messages.success(request, _("Switched on. The waiting messages will be sent now."))

    @action(description=gettext_lazy("Send a test"), permissions=["change", "use"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Send a test?"),
            consequences=[
                gettext_lazy("The address gets a test message, which reports no change.")
            ],
            confirm=gettext_lazy("Send the test"),
            keep=gettext_lazy("Send nothing"),
            is_harmless=True,
        )
    )
    def test_this(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        self.test_chosen(request, rows)

    @action(description=gettext_lazy("Renew the secret…"), permissions=["change"])
    @dangerous
    def renew_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rows = chosen(self, request, object_id)
        endpoint = rows.get()
        question = Question(
            text=_("Make a new secret?"),
            consequences=[
                _(
                    "The new secret is shown once. For a day, messages are signed with the old"
                    " secret too."
                ),
            ],
            confirm=_("Make a new secret"),
            keep=_("Keep the secret"),
            carries={"version": endpoint.secret_version},
        )
        if page := ask_first(self, request, question, action="renew_this", rows=rows):
            return page
        version = request.POST.get("version", "")
        try:
            secret = renew_secret(
                endpoint_id=endpoint.pk,
                version=int(version) if version.isdecimal() else endpoint.secret_version,
                actor=user_actor(request.user),
                now=clock.now(),
            )
        except SecretWasRenewed:
            return redirect_to_made_row(request, endpoint)
        return show_secret(self, request, row=endpoint, secret=secret)

    @action(description=gettext_lazy("Switch off…"), permissions=["change", "use"])
    @dangerous
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Switch this webhook off?"),
            consequences=[
                gettext_lazy(
                    "Changes that happen while it is switched off are not sent, not even later."
                )
            ],
            confirm=gettext_lazy("Switch the webhook off"),
            keep=gettext_lazy("Leave the webhook on"),
        )
    )
    def switch_off_this(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        for endpoint in rows:
            switch_off(endpoint_id=endpoint.pk, actor=user_actor(request.user), now=clock.now())
        messages.success(request, _("Switched off."))

    @action(description=gettext_lazy("Switch on again…"), permissions=["change", "wake"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Switch this webhook on again?"),
            consequences=[gettext_lazy("The waiting messages are sent at once.")],
            confirm=gettext_lazy("Switch the webhook on"),
            keep=gettext_lazy("Leave the webhook off"),
            is_harmless=True,
        )
    )
    def switch_on_this(self, request: HttpRequest, rows: QuerySet[WebhookEndpoint]) -> None:
        self.switch_on_chosen(request, rows)
