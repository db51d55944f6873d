"""The admin of the ledger, which nobody changes, and the financial report."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import action, display

from events.access import within_rights
from events.admin.base import ReadOnlyAdmin
from events.models import Event
from events.roles import Right
from events.time_zones import name_clock
from orders.ledger import balances, balances_by_event, balances_by_method, entries_between
from orders.ledger_entry import EntryKind, LedgerEntry
from orders.reports.discounts import count_complimentary, discounts_by_code
from orders.reports.ledger_rows import method_name
from orders.reports.period import ReportForm
from orders.reports.shown import (
    show_balances,
    show_days,
    show_discounts,
    show_events,
    show_methods,
)
from ticketing import clock
from ticketing.clock import zone_named
from ticketing.money import format_money

_COLORS = {EntryKind.CHARGE: "success", EntryKind.REFUND: "warning", EntryKind.FEE: "info"}


class DayFilter(RangeDateFilter):
    """Filters by whole days, both included, in the time zone of the admin's pages."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        zone = zone_named(settings.PAGES_TIME_ZONE)
        first, last = self._day("from"), self._day("to")
        if first is not None:
            queryset = queryset.filter(
                **{f"{self.field_path}__gte": datetime.combine(first, time(), zone)}
            )
        if last is not None:
            end = datetime.combine(last, time(), zone) + timedelta(days=1)
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def _day(self, end: str) -> date | None:
        try:
            return parse_date(str(self.used_parameters.get(f"{self.field_path}_{end}", "")))
        except ValueError:
            # The text looks like a date, and is none, such as 2026-02-30.
            return None


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnlyAdmin):
    """Every charge, refund and fee, and the report that adds them up."""

    event_path = "event"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy("Each charge and each refund appears here.")
    list_display = ["at", "shown_kind", "shown_amount", "method_shown", "order", "event"]
    list_filter = ["event", "kind", ("at", DayFilter)]
    list_select_related = ["event", "order"]
    search_fields = ["=order__code"]
    search_help_text = gettext_lazy("Order code")
    ordering = ["-at", "-id"]
    actions_list = ["open_report"]
    fields = [
        "at",
        "kind",
        "shown_amount",
        "method_shown",
        "order",
        "event",
        "recorded_at",
    ]
    readonly_fields = ["shown_amount", "method_shown"]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup in {"at_from", "at_to"} or super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.report_view))
        return [path("report/", view, name="orders_ledgerentry_report"), *super().get_urls()]

    @display(description=gettext_lazy("kind"), label=_COLORS, ordering="kind")
    def shown_kind(self, entry: LedgerEntry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @display(description=gettext_lazy("amount"), ordering="amount")
    def shown_amount(self, entry: LedgerEntry) -> str:
        return format_money(entry.amount, entry.currency)

    @display(description=gettext_lazy("method"), ordering="method")
    def method_shown(self, entry: LedgerEntry) -> str:
        return method_name(entry.method)

    @action(description=gettext_lazy("Financial report"), url_path="open-report")
    def open_report(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:orders_ledgerentry_report")

    def report_view(self, request: HttpRequest) -> HttpResponse:
        """Show the sums of a period: of one event with its sales by day, or of all events."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        events = within_rights(
            Event.objects.all(),
            request.user,
            self.right_to_see,
            organizer_path="organizer",
            event_path="pk",
        )
        form = ReportForm(request.GET, events=events, now=clock.now())
        period = form.period()
        entries = entries_between(
            self.get_queryset(request), since=period.since, until=period.until
        )
        if period.event is not None:
            entries = entries.filter(event=period.event)
        about = Event.objects.filter(pk=period.event.pk) if period.event else events
        during = {"since": period.since, "until": period.until}
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Financial report"),
            "form": form,
            "period": period,
            "zone": name_clock(period.zone.key),
            "event": period.event,
            "balances": show_balances(balances(entries)),
            "methods": show_methods(balances_by_method(entries)),
            "events": [] if period.event else show_events(balances_by_event(entries)),
            "discounts": show_discounts(discounts_by_code(about, **during)),
            "complimentary": count_complimentary(about, **during),
            "days": show_days(period.event, period) if period.event else [],
        }
        return TemplateResponse(request, "admin/financial_report.html", context)
