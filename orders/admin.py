"""The admin pages of orders: an organizer finds an order, reads it, cancels a reservation."""

from collections.abc import Collection
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin, act_on_each, chosen
from events.admin.confirming import Question, after_asking, dangerous, on_its_page
from events.roles import Right
from orders.answers_shown import show_answers_of
from orders.box_office_admin import BoxOfficeSaleAdmin
from orders.cancellation import cancel_order
from orders.consents import describe_consent
from orders.email_confirmation import EmailConfirmation
from orders.event_copy_admin import EventWithPromoCodesAdmin
from orders.guest_list_admin import GuestListAdmin
from orders.models import Consent, Order, OrderItem, OrderStatus, Payment
from orders.promo_code_admin import PromoCodeAdmin
from orders.reports.admin import LedgerAdmin
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from ticketing.money import format_money
from ticketing.sound_admin import worked_out_once

# Registered by their modules.
__all__ = [
    "BoxOfficeSaleAdmin",
    "EventWithPromoCodesAdmin",
    "GuestListAdmin",
    "LedgerAdmin",
    "OrderAdmin",
    "PromoCodeAdmin",
    "ReadOnlyInline",
]

STATUS_COLORS = {
    OrderStatus.RESERVED: "info",
    OrderStatus.PROCESSING: "warning",
    OrderStatus.PAID: "success",
    OrderStatus.PAYMENT_FAILED: "danger",
    OrderStatus.EXPIRED: "default",
    OrderStatus.CANCELLED: "default",
    OrderStatus.REFUNDED: "default",
}


def _ask_to_cancel(orders: QuerySet[Order]) -> Question:
    count = orders.count()
    return Question(
        text=ngettext("Cancel %(count)d reservation?", "Cancel %(count)d reservations?", count)
        % {"count": count},
        consequences=[
            _("The tickets go back on sale at once, and the buyer cannot pay any more."),
            _("Nobody has paid for a reservation, so no money is returned."),
        ],
        confirm=ngettext("Cancel the reservation", "Cancel the reservations", count),
        keep=ngettext("Keep the reservation", "Keep the reservations", count),
    )


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
    fields = ["ticket_type", "quantity", "returned", "full_price", "discount", "price"]
    readonly_fields = ["full_price", "discount", "price"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderItem]:
        rows: QuerySet[OrderItem] = super().get_queryset(request)
        return rows.select_related("order", "ticket_type")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is not None and obj.promo_text:
            return self.fields
        return [name for name in self.fields if name not in {"full_price", "discount"}]

    @admin.display(description=gettext_lazy("list price"))
    def full_price(self, item: OrderItem) -> str:
        return format_money(item.full_price, item.order.currency)

    @admin.display(description=gettext_lazy("discount per ticket"))
    def discount(self, item: OrderItem) -> str:
        return format_money(item.discount, item.order.currency)

    @admin.display(description=gettext_lazy("unit price"))
    def price(self, item: OrderItem) -> str:
        return format_money(item.unit_price, item.order.currency)


class PaymentInline(ReadOnlyInline, TabularInline):
    model = Payment
    fields = ["method", "sum", "shown_fee", "status", "decline_code"]
    readonly_fields = ["sum", "shown_fee"]

    @admin.display(description=gettext_lazy("amount"))
    def sum(self, payment: Payment) -> str:
        return format_money(payment.amount, payment.currency)

    @admin.display(description=gettext_lazy("fee"))
    def shown_fee(self, payment: Payment) -> str:
        return format_money(payment.fee, payment.currency) if payment.fee else "–"


class ConfirmationInline(ReadOnlyInline, TabularInline):
    model = EmailConfirmation
    fields = ["mails", "asked_at", "sent_at", "failed_at", "failure", "confirmed_at"]


@admin.register(Order)
class OrderAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "event__organizer"
    event_path = "event"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy(
        "Orders appear here as soon as somebody reserves tickets of a published event."
    )
    empty_leads_to_events = True
    list_display = ["code", "customer", "event", "price", "shown_status", "created_at"]
    list_filter = ["status", "event"]
    list_select_related = ["event"]
    search_fields = ["=code", "customer_name", "customer_email"]
    search_help_text = gettext_lazy("Email, name, order code or ticket code")
    ordering = ["-created_at", "-id"]
    inlines = [OrderItemInline, ConfirmationInline, PaymentInline]
    actions = ["cancel_chosen"]
    actions_detail: ClassVar[list[Any]] = ["cancel_this"]
    fields = [
        "code",
        "status",
        "event",
        "customer_name",
        "customer_email",
        "language",
        "used_promo_code",
        "taken_off",
        "price",
        "given_back",
        "by_hand",
        "agreed_to",
        "reserved_until",
        "given_answers",
    ]
    readonly_fields = [
        "given_answers",
        "used_promo_code",
        "taken_off",
        "price",
        "given_back",
        "by_hand",
        "agreed_to",
    ]

    @display(description=gettext_lazy("customer"), header=True, ordering="customer_name")
    def customer(self, order: Order) -> list[str]:
        return [order.customer_name, order.customer_email]

    @display(description=gettext_lazy("total"), ordering="total")
    def price(self, order: Order) -> str:
        return format_money(order.total, order.currency)

    @admin.display(description=gettext_lazy("promo code"))
    def used_promo_code(self, order: Order) -> SafeString:
        page = reverse("admin:orders_promocode_change", args=[order.promo_code_id])
        return format_html('<a href="{}" class="underline">{}</a>', page, order.promo_text)

    @admin.display(description=gettext_lazy("discount"))
    def taken_off(self, order: Order) -> str:
        return format_money(order.discount, order.currency)

    @admin.display(description=gettext_lazy("refunded"))
    @worked_out_once
    def given_back(self, order: Order) -> str:
        return format_money(order.refunded, order.currency)

    @admin.display(description=gettext_lazy("agreed to"))
    @worked_out_once
    def agreed_to(self, order: Order) -> str:
        consents = Consent.objects.select_related("terms", "order__event")
        return describe_consent(consents.filter(order=order).first())

    @admin.display(description=gettext_lazy("answers"))
    @worked_out_once
    def given_answers(self, order: Order) -> SafeString:
        return show_answers_of(order)

    @admin.display(description=gettext_lazy("taken in cash for exchanged tickets"))
    def by_hand(self, order: Order) -> str:
        return format_money(order.taken_by_hand, order.currency)

    @display(description=gettext_lazy("status"), label=STATUS_COLORS, ordering="status")
    def shown_status(self, order: Order) -> tuple[str, str]:
        return order.status, order.get_status_display()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        left_out = set()
        # After the payment or the end of the reservation, its end tells nobody anything.
        if obj is None or obj.status != OrderStatus.RESERVED:
            left_out.add("reserved_until")
        if obj is None or not obj.promo_text:
            left_out |= {"used_promo_code", "taken_off"}
        if obj is None or not obj.taken_by_hand:
            left_out.add("by_hand")
        if obj is None or not hasattr(obj, "consent"):
            left_out.add("agreed_to")
        if obj is None or not obj.answers.exists():
            left_out.add("given_answers")
        return [name for name in super().get_fields(request, obj) if name not in left_out]

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
        status = self.once(
            request,
            ("status", object_id),
            lambda: chosen(self, request, object_id).values_list("status", flat=True).first(),
        )
        return status in statuses

    @admin.action(description=gettext_lazy("Cancel reservation…"), permissions=["orders"])
    @dangerous
    @after_asking(_ask_to_cancel)
    def cancel_chosen(self, request: HttpRequest, rows: QuerySet[Order]) -> None:
        act_on_each(
            request,
            self.within(rows, request, Right.CHANGE_ORDERS),
            lambda order: cancel_order(
                order_id=order.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d reservation cancelled.", "%(count)d reservations cancelled.", "count"
            ),
        )

    @action(description=gettext_lazy("Cancel reservation…"), permissions=["orders", "cancel"])
    @dangerous
    @on_its_page
    def cancel_this(self, request: HttpRequest, rows: QuerySet[Order]) -> HttpResponse | None:
        return self.cancel_chosen(request, rows)
