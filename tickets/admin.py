"""The admin of tickets and scans, and of orders with their tickets and mail."""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin, act_on_each, chosen
from events.admin.confirming import Question, after_asking, on_its_page
from orders.admin import OrderAdmin, ReadOnlyInline
from orders.models import Order, OrderStatus
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from tickets.access import has_codes_right
from tickets.change_log import ChangeLogAdmin
from tickets.codes import read_ticket_id
from tickets.delivery import resend_tickets
from tickets.delivery_admin import RESEND_QUESTION, DeliveryAdmin, correct_address
from tickets.door.admin import DeviceAdmin
from tickets.door.undo import undo_check_in
from tickets.issue import code_url
from tickets.models import Delivery, Scan, ScanResult, Ticket, TicketStatus
from tickets.refund import refund_order

__all__ = ["ChangeLogAdmin", "DeliveryAdmin", "DeviceAdmin"]

_ORDER_AND_PLACE = re.compile(r"([0-9A-Za-z]{6,8})-([0-9]{1,3})")
_TICKET_COLORS = {
    TicketStatus.VALID: "success",
    TicketStatus.USED: "info",
    TicketStatus.REVOKED: "danger",
}
_STATUSES_WITH_MAIL = [OrderStatus.RESERVED, OrderStatus.PROCESSING, OrderStatus.PAID]
_SCAN_COLORS = dict.fromkeys(ScanResult, "danger") | {
    ScanResult.ADMITTED: "success",
    ScanResult.ALREADY_USED: "warning",
}


def _ask_to_refund(orders: QuerySet[Order]) -> Question:
    count = orders.count()
    return Question(
        text=ngettext("Refund this order in full?", "Refund these %(count)d orders in full?", count)
        % {"count": count},
        consequences=[
            _("The buyer gets all the money back."),
            _("The tickets are revoked at once: the door refuses them."),
            _("The places go back on sale."),
        ],
        confirm=_("Yes, refund"),
    )


class TicketInline(ReadOnlyInline, TabularInline):
    model = Ticket
    fk_name = "order"
    fields = ["ticket_type", "position", "holder_name", "status", "used_at"]
    # The title links to the ticket.
    hide_title = False
    show_change_link = True


class DeliveryInline(ReadOnlyInline, TabularInline):
    model = Delivery
    fields = ["asked_at", "codes_stored_at", "sent_at", "failed_at", "failure"]


admin.site.unregister(Order)


@admin.register(Order)
class OrderWithTicketsAdmin(OrderAdmin):
    """The admin of orders in `orders`, with tickets and deliveries added."""

    inlines = [*OrderAdmin.inlines, TicketInline, DeliveryInline]
    actions = [*OrderAdmin.actions, "refund_chosen", "resend_chosen"]
    actions_detail = [*OrderAdmin.actions_detail, "refund_this", "resend_this", "correct_this"]

    def history_subjects(self, row: Any) -> list[UUID]:
        return [row.pk, *Ticket.objects.filter(order=row).values_list("pk", flat=True)]

    def has_paid_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this order is paid, so that it has tickets and may be refunded."""
        return self.has_status(request, object_id, [OrderStatus.PAID])

    def has_correct_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this order may still get mail, so that its address matters."""
        return self.has_status(request, object_id, _STATUSES_WITH_MAIL)

    @admin.action(description=gettext_lazy("Refund in full…"), permissions=["refund"])
    @after_asking(_ask_to_refund)
    def refund_chosen(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            rows,
            lambda order: refund_order(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy("%(count)d order refunded.", "%(count)d orders refunded.", "count"),
        )

    @admin.action(description=gettext_lazy("Send the tickets again"), permissions=["orders"])
    def resend_chosen(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            rows,
            lambda order: resend_tickets(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "The tickets of %(count)d order will be sent again.",
                "The tickets of %(count)d orders will be sent again.",
                "count",
            ),
        )

    @action(description=gettext_lazy("Refund in full…"), permissions=["refund", "paid"])
    @on_its_page
    def refund_this(self, request: HttpRequest, rows: QuerySet[Order]) -> HttpResponse | None:
        return self.refund_chosen(request, rows)

    @action(description=gettext_lazy("Send the tickets again"), permissions=["orders", "paid"])
    @on_its_page
    @after_asking(RESEND_QUESTION)
    def resend_this(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        self.resend_chosen(request, rows)

    @action(description=gettext_lazy("Correct the address…"), permissions=["orders", "correct"])
    def correct_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = chosen(self, request, object_id).first()
        if order is None:
            return redirect("admin:orders_order_changelist")
        back = redirect("admin:orders_order_change", object_id)
        return correct_address(self, request, order, back=back)


class ScanInline(ReadOnlyInline, TabularInline):
    model = Scan
    fields = ["result", "gate", "device", "scanned_at", "recorded_at", "undone_at"]


@admin.register(Ticket)
class TicketAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    list_display = ["holder", "ticket_type", "event", "shown_status", "used_at"]
    list_filter = ["status", "event"]
    list_select_related = ["order", "event", "ticket_type"]
    search_fields = ["holder_name", "=order__code"]
    search_help_text = gettext_lazy("Scanned code (T1:…), order code, order code-number, or name")
    inlines = [ScanInline]
    actions_detail = ["undo_this"]
    fields = [
        "status",
        "order_link",
        "event",
        "ticket_type",
        "position",
        "holder_name",
        "created_at",
        "used_at",
        "revoked_at",
        "qr_code",
        "code",
    ]
    readonly_fields = ["qr_code", "order_link"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        fields = super().get_fields(request, obj)
        if obj is not None and has_codes_right(request.user, obj.event_id):
            return fields
        # What opens the gate is not for members who only read.
        return [field for field in fields if field not in ("qr_code", "code")]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if ticket_id := read_ticket_id(term):
            return queryset.filter(pk=ticket_id), False
        if match := _ORDER_AND_PLACE.fullmatch(term):
            # `ABC123-2` is the second ticket of order ABC123.
            code, place = match.group(1).upper(), int(match.group(2))
            of_order = queryset.filter(order__code=code).order_by("order_item_id", "position")
            ids = list(of_order.values_list("pk", flat=True)[:place])
            return queryset.filter(pk__in=ids[place - 1 :] if place else []), False
        is_code = term.isalnum() and len(term) == 6  # noqa: PLR2004 - the length of an order's code
        return super().get_search_results(request, queryset, term.upper() if is_code else term)

    def has_undo_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this ticket is used, so that its check-in may be undone."""
        return chosen(self, request, object_id).filter(status=TicketStatus.USED).exists()

    @action(description=gettext_lazy("Undo check-in…"), permissions=["door", "undo"])
    @on_its_page
    @after_asking(
        Question(
            text=gettext_lazy("Undo the check-in of this ticket?"),
            consequences=[
                gettext_lazy("It is valid again, and the next scan lets its bearer in."),
                gettext_lazy("The first scan stays on record, marked as undone."),
            ],
            confirm=gettext_lazy("Yes, undo"),
        )
    )
    def undo_this(self, request: HttpRequest, rows: QuerySet[Ticket]) -> None:
        act_on_each(
            request,
            rows,
            lambda ticket: undo_check_in(
                ticket_id=ticket.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=_("The check-in is undone; the ticket is valid again."),
        )

    @display(description=gettext_lazy("holder"), header=True, ordering="holder_name")
    def holder(self, ticket: Ticket) -> list[str]:
        return [ticket.holder_name, ticket.order.code]

    @display(description=gettext_lazy("status"), label=_TICKET_COLORS, ordering="status")
    def shown_status(self, ticket: Ticket) -> tuple[str, str]:
        return ticket.status, ticket.get_status_display()

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, ticket: Ticket) -> str | SafeString:
        if not getattr(ticket, "shows_orders", False):
            return ticket.order.code
        url = reverse("admin:orders_order_change", args=[ticket.order_id])
        return format_html('<a href="{}" class="underline">{}</a>', url, ticket.order.code)

    @admin.display(description=gettext_lazy("QR code"))
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


@admin.register(Scan)
class ScanAdmin(ReadOnlyAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    list_display = ["recorded_at", "shown_result", "holder", "event", "gate", "device"]
    list_filter = ["result", "event", "gate"]
    list_select_related = ["event", "device", "ticket"]
    search_fields = ["ticket__holder_name", "=ticket__order__code"]
    fields = ["result", "event", "gate", "device", "scanned_at", "recorded_at", "undone_at", "code"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[Any]:
        fields = super().get_fields(request, obj)
        if obj is None or obj.event_id is None or has_codes_right(request.user, obj.event_id):
            return fields
        return [field for field in fields if field != "code"]

    @display(description=gettext_lazy("result"), label=_SCAN_COLORS, ordering="result")
    def shown_result(self, scan: Scan) -> tuple[str, str]:
        return scan.result, scan.get_result_display()

    @admin.display(description=gettext_lazy("holder"))
    def holder(self, scan: Scan) -> str:
        return scan.ticket.holder_name if scan.ticket else "-"
