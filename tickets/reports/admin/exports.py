"""The admin of exports: ask for one, see how far it is, download it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_GET
from unfold.decorators import display

from events.admin.base import chosen
from events.admin.refusals import say_refusal
from ticketing import clock
from ticketing.actors import user_actor
from tickets.reports.admin.forms import ContentAdmin, ExportForm
from tickets.reports.asking import File, TooManyExports, ask_for_export, note_download
from tickets.reports.mail import show_period
from tickets.reports.models import Export
from tickets.reports.storage import link_to
from tickets.reports.tables import file_name

# What only the worker needs. The tail may have megabytes.
_OF_THE_WORKER = ("tail", "parts", "file_state", "place")


@admin.register(Export)
class ExportAdmin(ContentAdmin):
    """Exports of the last day. Whoever may export an event's data may download its exports."""

    form = ExportForm
    when_empty = gettext_lazy(
        "An export is a spreadsheet of attendees, orders, entries or the ledger."
    )
    list_display = ["content", "about", "shown_state", "asked_by", "asked_at", "download"]
    list_display_links = None
    list_select_related = ["event", "organizer", "asked_by"]
    ordering = ["-asked_at", "-id"]
    fields = [
        "kind",
        "event",
        "organizer",
        "first_day",
        "last_day",
        "file_format",
        "language",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        alive = super().get_queryset(request).filter(expires_at__gt=clock.now())
        return alive.defer(*_OF_THE_WORKER)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        if obj is None:
            return super().get_fields(request, obj)
        shown: list[Any] = [
            "content",
            "about",
            "days",
            "file_format",
            "rows",
            "shown_state",
            "download",
        ]
        return [*shown, "asked_by", "asked_at", "expires_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [] if obj is None else self.get_fields(request, obj)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        # Not in `save_model`: Django opens a transaction around it, and the verb has its own.
        if request.method == "POST" and self.has_add_permission(request):
            form = self.get_form(request, None, change=False)(request.POST)
            if form.is_valid():
                return self._answer(request, form.instance)
        context = {"title": gettext("New export"), **(extra_context or {})}
        return super().add_view(request, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_GET(self.download_view))
        own = path("<path:object_id>/download/", view, name="reports_export_download")
        return [own, *super().get_urls()]

    def download_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Check the user's right, record the download, and redirect to a link for a minute."""
        export = chosen(self, request, object_id).exclude(finished_at=None).first()
        if export is None:
            raise Http404
        note_download(export=export, actor=user_actor(request.user), now=clock.now())
        response = redirect(link_to(export.object_name, file_name=file_name(export)))
        response.headers["Cache-Control"] = "private, no-store"
        return response

    @admin.display(description=gettext_lazy("content"), ordering="kind")
    def content(self, export: Export) -> str:
        period = show_period(export)
        return f"{export.get_kind_display()}, {period}" if period else export.get_kind_display()

    @admin.display(description=gettext_lazy("of"))
    def about(self, export: Export) -> str:
        return str(export.event or export.organizer)

    @admin.display(description=gettext_lazy("period"))
    def days(self, export: Export) -> str:
        return show_period(export) or gettext("all")

    @display(
        description=gettext_lazy("state"),
        label={"ready": "success", "writing": "info", "failed": "danger"},
    )
    def shown_state(self, export: Export) -> tuple[str, str]:
        rows = formats.number_format(export.rows, use_l10n=True, force_grouping=True)
        if export.finished_at:
            return "ready", gettext("ready, %(rows)s rows") % {"rows": rows}
        if export.failed_at:
            return "failed", gettext("failed")
        return "writing", gettext("being written, %(rows)s rows") % {"rows": rows}

    @admin.display(description=gettext_lazy("file"))
    def download(self, export: Export) -> str | SafeString:
        if not export.finished_at:
            return "-"
        return format_html(
            '<a href="{}" class="font-semibold text-primary-600 dark:text-primary-500">{}</a>'
            '<br><span class="text-xs">{}</span>',
            reverse("admin:reports_export_download", args=[export.pk]),
            gettext("Download %(format)s") % {"format": export.file_format.upper()},
            gettext("until %(moment)s")
            % {
                "moment": formats.date_format(
                    timezone.localtime(export.expires_at), "SHORT_DATETIME_FORMAT"
                )
            },
        )

    def _answer(self, request: HttpRequest, export: Export) -> HttpResponse:
        try:
            file = ask_for_export(export=export, actor=user_actor(request.user), now=clock.now())
        except TooManyExports as refusal:
            messages.error(request, say_refusal(refusal))
        else:
            if file is not None:
                return _send(file)
            messages.success(request, _say_that_it_is_written(export))
        return redirect("admin:reports_export_changelist")


def _say_that_it_is_written(export: Export) -> str:
    if export.asked_by.email:
        return gettext(
            "The file is being written. We send a mail to %(email)s when it is ready; it is also"
            " listed here."
        ) % {"email": export.asked_by.email}
    return gettext("The file is being written. It is listed here when it is ready.")


def _send(file: File) -> HttpResponse:
    return HttpResponse(
        file.data,
        content_type=file.content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "Cache-Control": "private, no-store",
        },
    )
