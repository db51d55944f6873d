"""The admin of orders with their tickets and mail."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import action

from events.admin.base import act_on_each, chosen
from events.admin.confirming import after_asking, dangerous, on_its_page
from events.roles import Right
from orders.admin import OrderAdmin, ReadOnlyInline
from orders.models import OPEN_STATUSES, Order, OrderStatus
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.sound_admin import worked_out_once
from tickets.change_log import ChangeLogAdmin
from tickets.delivery import resend_tickets
from tickets.delivery_admin import DeliveryAdmin
from tickets.door.admin import DeviceAdmin
from tickets.finding import find_orders
from tickets.models import Delivery, Ticket
from tickets.order_pages.correcting import customer_page
from tickets.order_pages.questions import (
    ask_to_refund,
    ask_to_resend,
    ask_to_retry,
)
from tickets.order_pages.refunding import refund_page
from tickets.order_pages.timeline import show_timeline
from tickets.outgoing_admin import STATES, state_of
from tickets.refund import refund_order
from tickets.refund_request_admin import RefundRequestAdmin
from tickets.retry import retry_order, unfinished_work
from tickets.ticket_admin import ScanAdmin, TicketAdmin
from tickets.ticket_codes import readable_code
from tickets.wording import say_status

__all__ = [
    "ChangeLogAdmin",
    "DeliveryAdmin",
    "DeviceAdmin",
    "RefundRequestAdmin",
    "ScanAdmin",
    "TicketAdmin",
]

# A refunded order may have a notice about its refund that was given up.
_STATUSES_WITH_MAIL = (*OPEN_STATUSES, OrderStatus.REFUNDED)


class TicketInline(ReadOnlyInline, TabularInline):
    model = Ticket
    fk_name = "order"
    fields = ["readable", "ticket_type", "holder_name", "shown_status", "used_at"]
    readonly_fields = ["readable", "shown_status"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        rows: QuerySet[Ticket] = super().get_queryset(request)
        return rows.select_related("order", "ticket_type")

    @admin.display(description=gettext_lazy("code"))
    def readable(self, ticket: Ticket) -> SafeString:
        known = readable_code(ticket.order.code, ticket.number) if ticket.number else _("ticket")
        return _link("tickets_ticket", ticket.pk, _("replaced") if ticket.replaced_by_id else known)

    @admin.display(description=gettext_lazy("status"))
    def shown_status(self, ticket: Ticket) -> str:
        return say_status(ticket)


class DeliveryInline(ReadOnlyInline, TabularInline):
    model = Delivery
    fields = ["state", "sent_at", "failure"]
    readonly_fields = ["state"]

    @admin.display(description=gettext_lazy("state"))
    def state(self, delivery: Delivery) -> SafeString:
        return _link("tickets_delivery", delivery.pk, str(STATES[state_of(delivery)]))


def _link(page: str, key: object, words: str) -> SafeString:
    address = reverse(f"admin:{page}_change", args=[key])
    return format_html('<a href="{}" class="underline">{}</a>', address, words)


admin.site.unregister(Order)


@admin.register(Order)
class OrderWithTicketsAdmin(OrderAdmin):
    """The admin of orders in `orders`, with tickets and deliveries added."""

    inlines = [TicketInline, *OrderAdmin.inlines, DeliveryInline]
    actions = [*OrderAdmin.actions, "refund_chosen", "resend_chosen"]
    actions_detail = [
        "resend_this",
        "correct_this",
        "retry_this",
        "refund_this",
        *OrderAdmin.actions_detail,
    ]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (find_orders(queryset, search_term) if search_term else queryset), False

    @admin.display(description=gettext_lazy("timeline"))
    @worked_out_once
    def history(self, row: Any) -> SafeString:
        return show_timeline(row)

    def has_paid_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this order is paid, so that it has tickets and may be refunded."""
        return self.has_status(request, object_id, [OrderStatus.PAID])

    def has_correct_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this order may still get mail, so that its address matters."""
        return self.has_status(request, object_id, _STATUSES_WITH_MAIL)

    def has_unfinished_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this order waits for a worker, so that a retry may help."""
        return any(unfinished_work(order.pk) for order in chosen(self, request, object_id))

    @admin.action(description=gettext_lazy("Refund in full…"), permissions=["refund"])
    @dangerous
    @after_asking(ask_to_refund)
    def refund_chosen(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            self.within(rows, request, Right.REFUND),
            lambda order: refund_order(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy("%(count)d order refunded.", "%(count)d orders refunded.", "count"),
        )

    @admin.action(description=gettext_lazy("Send the tickets again…"), permissions=["orders"])
    @after_asking(ask_to_resend)
    def resend_chosen(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            self.within(rows, request, Right.CHANGE_ORDERS),
            lambda order: resend_tickets(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "The tickets of %(count)d order will be sent again.",
                "The tickets of %(count)d orders will be sent again.",
                "count",
            ),
        )

    @action(description=gettext_lazy("Refund tickets…"), permissions=["refund", "paid"])
    @dangerous
    def refund_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = chosen(self, request, object_id).select_related("event").first()
        if order is None:
            return redirect("admin:orders_order_changelist")
        return refund_page(self, request, order)

    @action(description=gettext_lazy("Send the tickets again…"), permissions=["orders", "paid"])
    @on_its_page
    def resend_this(self, request: HttpRequest, rows: QuerySet[Order]) -> HttpResponse | None:
        return self.resend_chosen(request, rows)

    @action(description=gettext_lazy("Correct the customer…"), permissions=["orders", "correct"])
    def correct_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = chosen(self, request, object_id).first()
        if order is None:
            return redirect("admin:orders_order_changelist")
        back = reverse("admin:orders_order_change", args=[order.pk])
        return customer_page(self, request, order, back=back)

    # Finance too: it only does what the order waits for, such as paying out a refund.
    @action(description=gettext_lazy("Retry now…"), permissions=["refund", "unfinished"])
    @on_its_page
    @after_asking(ask_to_retry)
    def retry_this(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            rows,
            lambda order: retry_order(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=_("The work of the order was sent to a worker. Reload this page in a moment."),
        )
