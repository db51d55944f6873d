"""The admin pages of orders: an organizer finds an order, reads it, cancels a reservation."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy, ngettext_lazy
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin, act_on_each, chosen
from events.admin.confirming import Question, after_asking, on_its_page
from events.roles import Right
from orders.box_office_admin import BoxOfficeSaleAdmin
from orders.cancellation import cancel_order
from orders.email_confirmation import EmailConfirmation
from orders.guest_list_admin import GuestListAdmin
from orders.models import Order, OrderItem, OrderStatus, Payment
from orders.reports.admin import LedgerAdmin
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from ticketing.money import format_money

# Registered by their modules.
__all__ = ["BoxOfficeSaleAdmin", "GuestListAdmin", "LedgerAdmin", "OrderAdmin", "ReadOnlyInline"]

STATUS_COLORS = {
    OrderStatus.RESERVED: "info",
    OrderStatus.PROCESSING: "warning",
    OrderStatus.PAID: "success",
    OrderStatus.PAYMENT_FAILED: "danger",
    OrderStatus.EXPIRED: "default",
    OrderStatus.CANCELLED: "default",
    OrderStatus.REFUNDED: "default",
}


class ReadOnlyInline:
    """Rows that belong to an order. Nobody can change them in the admin."""

    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True


class OrderItemInline(ReadOnlyInline, TabularInline):
    model = OrderItem
    fields = ["ticket_type", "quantity", "returned", "unit_price"]


class PaymentInline(ReadOnlyInline, StackedInline):
    model = Payment
    fields = [
        "method",
        "amount",
        "status",
        "decline_code",
        "created_at",
        "decided_at",
        "refunded_at",
    ]


class ConfirmationInline(ReadOnlyInline, TabularInline):
    model = EmailConfirmation
    fields = ["mails", "asked_at", "sent_at", "failed_at", "failure", "confirmed_at"]


@admin.register(Order)
class OrderAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    right_to_see = Right.SEE_ORDERS
    list_display = ["code", "customer", "event", "price", "shown_status", "created_at"]
    list_filter = ["status", "event"]
    list_select_related = ["event"]
    search_fields = ["=code", "customer_name", "customer_email"]
    search_help_text = gettext_lazy("Order code, customer's name or email")
    ordering = ["-created_at", "-id"]
    inlines = [OrderItemInline, ConfirmationInline, PaymentInline]
    actions = ["cancel_chosen"]
    actions_detail = ["cancel_this"]
    fields = [
        "code",
        "status",
        "event",
        "customer_name",
        "customer_email",
        "language",
        "price",
        "given_back",
        "created_at",
        "reserved_until",
        "processing_at",
        "paid_at",
        "closed_at",
    ]
    readonly_fields = ["price", "given_back"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Stored codes are in capitals, but people type them in any case.
        return super().get_search_results(request, queryset, _capitalize_code(search_term))

    @display(description=gettext_lazy("customer"), header=True, ordering="customer_name")
    def customer(self, order: Order) -> list[str]:
        return [order.customer_name, order.customer_email]

    @display(description=gettext_lazy("total"), ordering="total")
    def price(self, order: Order) -> str:
        return format_money(order.total, order.currency)

    @admin.display(description=gettext_lazy("refunded"))
    def given_back(self, order: Order) -> str:
        return format_money(order.refunded, order.currency)

    @display(description=gettext_lazy("status"), label=STATUS_COLORS, ordering="status")
    def shown_status(self, order: Order) -> tuple[str, str]:
        return order.status, order.get_status_display()

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        inlines = list(super().get_inlines(request, obj))
        if obj is not None and not EmailConfirmation.objects.filter(order=obj).exists():
            inlines.remove(ConfirmationInline)
        return inlines

    def has_cancel_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this order is still a reservation, so that it may be cancelled."""
        return self.has_status(request, object_id, [OrderStatus.RESERVED])

    def has_status(
        self, request: HttpRequest, object_id: str, statuses: Collection[OrderStatus]
    ) -> bool:
        """Return whether the order belongs to the user's organizers and has such a status."""
        return chosen(self, request, object_id).filter(status__in=statuses).exists()

    @admin.action(description=gettext_lazy("Cancel reservation…"), permissions=["orders"])
    @after_asking(
        Question(
            text=gettext_lazy("Cancel these reservations?"),
            consequences=[
                gettext_lazy("Their tickets go back on sale at once. Paid orders do not change.")
            ],
            confirm=gettext_lazy("Yes, cancel"),
        )
    )
    def cancel_chosen(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            rows,
            lambda order: cancel_order(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d reservation cancelled.", "%(count)d reservations cancelled.", "count"
            ),
        )

    @action(description=gettext_lazy("Cancel reservation…"), permissions=["orders", "cancel"])
    @on_its_page
    def cancel_this(self, request: HttpRequest, rows: QuerySet[Order]) -> HttpResponse | None:
        return self.cancel_chosen(request, rows)


def _capitalize_code(term: str) -> str:
    term = term.strip()
    return term.upper() if len(term) <= 8 and term.isalnum() and "@" not in term else term  # noqa: PLR2004
