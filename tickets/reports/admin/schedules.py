"""The admin of scheduled reports."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy, ngettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from events.admin.base import act_on_each, chosen
from events.admin.confirming import Question, after_asking, dangerous
from events.models import Event, Membership
from events.roles import Right, roles_with
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import RecordsSaves, ShowsHistory
from ticketing.models import ActType, User
from tickets.reports.admin.forms import ContentAdmin, ContentForm
from tickets.reports.models import ScheduledReport
from tickets.reports.rights import may_export
from tickets.reports.schedule import end_report, next_due
from tickets.reports.tables import zone_of_export


class ScheduledReportForm(ContentForm):
    recipients = forms.ModelMultipleChoiceField(
        User.objects.none(),
        label=gettext_lazy("Recipients"),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Members who may export. Each gets a mail with a link."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "recipients" in self.fields:
            field: Any = self.fields["recipients"]
            field.queryset = _colleagues(self.user)
            if self.instance._state.adding:  # noqa: SLF001 - Django's own way
                self.initial.setdefault("recipients", [self.user.pk])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            return cleaned
        event = cleaned.get("event")
        for user in cleaned["recipients"]:
            if not may_export(
                user,
                organizer_id=self.instance.organizer_id,
                event_id=event.pk if event else None,
            ):
                self.add_error(
                    "recipients",
                    gettext_lazy("%(user)s may not export this data.") % {"user": user},
                )
        return cleaned

    class Meta:
        model = ScheduledReport
        fields = [
            "kind",
            "event",
            "organizer",
            "frequency",
            "file_format",
            "language",
            "recipients",
        ]


_END = Question(
    text=gettext_lazy("Stop sending these reports?"),
    consequences=[gettext_lazy("Their files stay until they are deleted as planned.")],
    confirm=gettext_lazy("Stop sending"),
    keep=gettext_lazy("Keep sending them"),
)


@admin.register(ScheduledReport)
class ScheduledReportAdmin(ShowsHistory, RecordsSaves, ContentAdmin):
    """Reports that are made every day, week or month, and announced by mail."""

    created_act = ActType.REPORT_SCHEDULED
    changed_act = ActType.REPORT_CHANGED
    form = ScheduledReportForm
    when_empty = gettext_lazy(
        "A scheduled report sends a spreadsheet by email, each day, week or month."
    )
    list_display = ["content", "about", "frequency", "who", "next_at"]
    list_select_related = ["event", "organizer"]
    list_filter = ["frequency"]
    fields = ScheduledReportForm.Meta.fields
    actions = ["end_chosen"]
    actions_detail = ["end_this"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("recipients")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        now = clock.now()
        if not change:
            obj.created_at = now
        if not change or "frequency" in form.changed_data:
            obj.next_at = next_due(obj.frequency, after=now, zone=zone_of_export(obj))
        super().save_model(request, obj, form, change)

    @admin.action(description=gettext_lazy("Stop report…"), permissions=["export"])
    @dangerous
    @after_asking(_END)
    def end_chosen(self, request: HttpRequest, rows: QuerySet[ScheduledReport]) -> None:
        actor, now = user_actor(request.user), clock.now()
        act_on_each(
            request,
            rows,
            lambda report: end_report(report=report, actor=actor, now=now),
            done=ngettext_lazy("%(count)d report stopped.", "%(count)d reports stopped.", "count"),
        )

    @action(description=gettext_lazy("Stop report…"), permissions=["export"])
    @dangerous
    def end_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        page = self.end_chosen(request, chosen(self, request, object_id))
        return page or redirect("admin:reports_scheduledreport_changelist")

    @admin.display(description=gettext_lazy("content"), ordering="kind")
    def content(self, report: ScheduledReport) -> str:
        return f"{report.get_kind_display()} ({report.file_format.upper()})"

    @admin.display(description=gettext_lazy("of"))
    def about(self, report: ScheduledReport) -> str:
        return str(report.event or report.organizer)

    @admin.display(description=gettext_lazy("recipients"))
    def who(self, report: ScheduledReport) -> str:
        return ", ".join(str(user) for user in report.recipients.all())


def _colleagues(user: User) -> QuerySet[User]:
    """
    Return the users who may export data of an organizer or an event of which `user` may.

    A member who is limited to some events is shown those who are limited to one of them.
    """
    exporting = Membership.objects.filter(role__in=roles_with(Right.EXPORT))
    ours = exporting.filter(user=user)
    everywhere = ours.filter(only_some_events=False).values("organizer")
    events = Event.objects.filter(limited_members__in=ours.filter(only_some_events=True))
    theirs = exporting.filter(Q(organizer__in=everywhere) | Q(events__in=events))
    found = User.objects.filter(pk__in=theirs.values("user"), is_active=True)
    return (found | User.objects.filter(pk=user.pk)).order_by("username")
