"""The admin of tickets and scans."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin, act_on_each, chosen
from events.admin.confirming import Question, after_asking, dangerous, on_its_page
from events.roles import Right
from orders.admin import ReadOnlyInline
from orders.models import OrderStatus
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from ticketing.sound_admin import worked_out_once
from tickets.access import has_codes_right
from tickets.door.undo import undo_check_in
from tickets.finding import find_tickets
from tickets.issue import code_url
from tickets.models import Scan, ScanResult, Ticket, TicketStatus
from tickets.order_pages.correcting import holder_page, tell_of_ended_offers
from tickets.order_pages.exchanging import exchange_page
from tickets.order_pages.questions import (
    ask_to_reissue,
    ask_to_revoke,
)
from tickets.replacement import replace_ticket, revoke_ticket
from tickets.ticket_codes import readable_code, readable_codes
from tickets.wording import say_status

_TICKET_COLORS = {
    TicketStatus.VALID: "success",
    TicketStatus.USED: "info",
    TicketStatus.REVOKED: "danger",
}
_SCAN_COLORS = dict.fromkeys(ScanResult, "danger") | {
    ScanResult.ADMITTED: "success",
    ScanResult.READMITTED: "success",
    ScanResult.EXITED: "info",
    ScanResult.ALREADY_USED: "warning",
}


class ScanInline(ReadOnlyInline, TabularInline):
    model = Scan
    fields = ["direction", "result", "gate", "device", "scanned_at", "recorded_at", "undone_at"]


@admin.register(Ticket)
class TicketAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    when_empty = gettext_lazy("Tickets appear here as soon as an order is paid.")
    empty_leads_to_events = True
    list_display = ["holder", "ticket_type", "event", "shown_status", "used_at"]
    list_filter = ["status", "event"]
    list_select_related = ["order", "event", "ticket_type"]
    search_fields = ["holder_name", "=order__code"]
    search_help_text = gettext_lazy("Name, email, order code or ticket code")
    inlines = [ScanInline]
    actions_detail = [
        "rename_this",
        "exchange_this",
        "undo_this",
        "reissue_this",
        "revoke_this",
    ]
    fields = [
        "status",
        "order_link",
        "event",
        "readable",
        "ticket_type",
        "holder_name",
        "created_at",
        "used_at",
        "revoked_at",
        "qr_code",
        "text_of_code",
    ]
    readonly_fields = ["qr_code", "text_of_code", "order_link", "readable"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        if obj is not None and has_codes_right(request.user, obj.event_id):
            return fields
        # What opens the gate is not for members who only read.
        return [field for field in fields if field not in ("qr_code", "text_of_code")]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        by_email = self.within(queryset, request, Right.SEE_ORDERS)
        return find_tickets(queryset, search_term, by_email=by_email), False

    def has_undo_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this ticket is used, so that its check-in may be undone."""
        return chosen(self, request, object_id).filter(status=TicketStatus.USED).exists()

    def has_replace_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this ticket is valid, so that it can get a new code or holder."""
        valid = chosen(self, request, object_id).filter(status=TicketStatus.VALID)
        return valid.filter(order__status=OrderStatus.PAID).exists()

    def has_revoke_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this ticket is valid, so that it can be revoked."""
        return chosen(self, request, object_id).filter(status=TicketStatus.VALID).exists()

    @action(description=gettext_lazy("Undo check-in…"), permissions=["door", "undo"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Undo the check-in of this ticket?"),
            consequences=[
                gettext_lazy("It is valid again, and the next scan lets its bearer in."),
                gettext_lazy(
                    "If its holder has left or entered again since, only the latest scan is undone."
                ),
                gettext_lazy("The scan stays on record, marked as undone."),
            ],
            confirm=gettext_lazy("Undo the check-in"),
            keep=gettext_lazy("Keep the check-in"),
            is_harmless=True,
        )
    )
    def undo_this(self, request: HttpRequest, rows: QuerySet[Ticket]) -> None:
        act_on_each(
            request,
            rows,
            lambda ticket: undo_check_in(
                ticket_id=ticket.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=_("The latest scan of the ticket is undone."),
        )

    @action(description=gettext_lazy("Change the holder…"), permissions=["orders", "replace"])
    def rename_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        ticket = chosen(self, request, object_id).select_related("order").first()
        if ticket is None:
            return redirect("admin:tickets_ticket_changelist")
        return holder_page(self, request, ticket)

    @action(description=gettext_lazy("Move to another type…"), permissions=["orders", "replace"])
    def exchange_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tickets = chosen(self, request, object_id)
        ticket = tickets.select_related(
            "order__payment", "order__promo_code", "order_item", "event", "ticket_type"
        ).first()
        if ticket is None:
            return redirect("admin:tickets_ticket_changelist")
        return exchange_page(self, request, ticket)

    @action(description=gettext_lazy("Make a new code…"), permissions=["orders", "replace"])
    @dangerous
    @on_its_page
    @after_asking(ask_to_reissue)
    def reissue_this(self, request: HttpRequest, rows: QuerySet[Ticket]) -> None:
        now = clock.now()
        act_on_each(
            request,
            rows,
            lambda ticket: replace_ticket(
                ticket_id=ticket.pk, actor=user_actor(request.user), now=now
            ),
            done=_("The ticket has a new code, which is on its way by email."),
        )
        for ticket in rows:
            tell_of_ended_offers(request, ticket.order_id, at=now)

    @action(description=gettext_lazy("Revoke without refund…"), permissions=["orders", "revoke"])
    @dangerous
    @on_its_page
    @after_asking(ask_to_revoke)
    def revoke_this(self, request: HttpRequest, rows: QuerySet[Ticket]) -> None:
        act_on_each(
            request,
            rows,
            lambda ticket: revoke_ticket(
                ticket_id=ticket.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=_("The ticket is revoked: the door refuses it."),
        )

    @display(description=gettext_lazy("holder"), header=True, ordering="holder_name")
    def holder(self, ticket: Ticket) -> list[str]:
        number = ticket.number
        code = ticket.order.code
        return [ticket.holder_name, code if number is None else readable_code(code, number)]

    @display(description=gettext_lazy("status"), label=_TICKET_COLORS, ordering="status")
    def shown_status(self, ticket: Ticket) -> tuple[str, str]:
        return ticket.status, say_status(ticket)

    @admin.display(description=gettext_lazy("ticket code"))
    @worked_out_once
    def readable(self, ticket: Ticket) -> str:
        return readable_codes([ticket]).get(ticket.pk, _("replaced"))

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, ticket: Ticket) -> str | SafeString:
        if not getattr(ticket, "shows_orders", False):
            return ticket.order.code
        url = reverse("admin:orders_order_change", args=[ticket.order_id])
        return format_html('<a href="{}" class="underline">{}</a>', url, ticket.order.code)

    @admin.display(description=gettext_lazy("QR code"))
    @worked_out_once
    def qr_code(self, ticket: Ticket) -> SafeString:
        delivery = getattr(ticket.order, "delivery", None)
        stored = delivery is not None and delivery.codes_stored_at is not None
        url = code_url(ticket) if stored else None
        if url is None:
            return format_html("<em>{}</em>", _("being made"))
        return format_html(
            '<img src="{}" alt="" width="180" height="180" style="background:#fff">',
            url,
        )

    @admin.display(description=gettext_lazy("code"))
    def text_of_code(self, ticket: Ticket) -> SafeString:
        return format_html('<span class="code-text">{}</span>', ticket.code)


@admin.register(Scan)
class ScanAdmin(ReadOnlyAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    when_empty = gettext_lazy("Each ticket that a door device checks appears here.")
    list_display = ["recorded_at", "shown_result", "holder", "event", "gate", "device"]
    list_filter = ["result", "conflict", "event", "gate"]
    list_select_related = ["event", "device", "ticket"]
    search_fields = ["ticket__holder_name", "=ticket__order__code"]
    fields = [
        "result", "direction", "conflict", "acknowledged_at", "event", "gate", "device",
        "scanned_at", "recorded_at", "undone_at", "code",
    ]  # fmt: skip

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        fields: Sequence[Any] = super().get_fields(request, obj)
        if obj is None or obj.event_id is None:
            return fields
        # The code of another event's ticket, which admits there, is for nobody here.
        of_here = obj.result != ScanResult.WRONG_EVENT
        if of_here and has_codes_right(request.user, obj.event_id):
            return fields
        return [field for field in fields if field != "code"]

    @display(description=gettext_lazy("result"), label=_SCAN_COLORS, ordering="result")
    def shown_result(self, scan: Scan) -> tuple[str, str]:
        return scan.result, scan.get_result_display()

    @admin.display(description=gettext_lazy("holder"))
    def holder(self, scan: Scan) -> str:
        return scan.ticket.holder_name if scan.ticket else "-"
