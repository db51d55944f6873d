"""The admin of deliveries: the state of each ticket mail, and how staff resend or correct it."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy
from unfold.decorators import action, display

from events.access import within_rights
from events.admin.base import ReadOnlyAdmin, act_on_each, chosen
from events.admin.confirming import after_asking, on_its_page
from events.roles import Right
from orders.models import Order, OrderStatus
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.history import ShowsHistory
from tickets.delivery import resend_tickets
from tickets.models import Delivery
from tickets.order_pages.correcting import customer_page
from tickets.order_pages.questions import ask_to_resend_deliveries
from tickets.outgoing_admin import COLORS, STATES, StateFilter, state_of
from tickets.printing import tickets_to_print


@admin.register(Delivery)
class DeliveryAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "order__event__organizer"
    event_path = "order__event"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy("The mails that bring buyers their tickets appear here.")
    list_display = ["order_code", "customer", "shown_state", "failure", "asked_at", "sent_at"]
    list_filter = [StateFilter]
    list_select_related = ["order"]
    search_fields = ["=order__code", "=order__customer_email"]
    actions = ["resend_chosen"]
    actions_detail = ["correct_this", "resend_this"]
    fields = [
        "order_link",
        "customer",
        "state",
        "failure",
        "attempts",
        "asked_at",
        "codes_stored_at",
        "goes_at",
        "sent_at",
        "failed_at",
    ]
    readonly_fields = ["order_link", "customer", "state"]

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.print_page)
        own = [path("print/<uuid:order_id>/", page, name="tickets_delivery_print")]
        return [*own, *super().get_urls()]

    def print_page(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Show the tickets of an order with their QR codes, to be printed at the box office."""
        orders = within_rights(
            Order.objects.select_related("event__organizer"),
            request.user,
            # With a QR code anybody can enter.
            Right.CHANGE_ORDERS,
            organizer_path="event__organizer",
            event_path="event",
        )
        order = orders.filter(pk=order_id).first()
        if order is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - the admin's own way
            "title": order.code,
            **tickets_to_print(order),
        }
        return TemplateResponse(request, "admin/print_tickets.html", context)

    def history_subjects(self, row: Delivery) -> list[UUID]:
        return [row.order_id]

    @admin.display(description=gettext_lazy("order"))
    def order_code(self, delivery: Delivery) -> str:
        return delivery.order.code

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, delivery: Delivery) -> SafeString:
        page = reverse("admin:orders_order_change", args=[delivery.order_id])
        return format_html('<a href="{}" class="underline">{}</a>', page, delivery.order.code)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, delivery: Delivery) -> str:
        return delivery.order.customer_email

    @display(description=gettext_lazy("state"), label=COLORS)
    def shown_state(self, delivery: Delivery) -> tuple[str, Any]:
        state = state_of(delivery)
        return state, STATES[state]

    @admin.display(description=gettext_lazy("state"))
    def state(self, delivery: Delivery) -> str:
        state = state_of(delivery)
        if state == "failed":
            return _("given up: correct the address, or send the tickets again")
        return str(STATES[state])

    @admin.action(description=gettext_lazy("Send the tickets again…"), permissions=["orders"])
    @after_asking(ask_to_resend_deliveries)
    def resend_chosen(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        act_on_each(
            request,
            self.within(rows, request, Right.CHANGE_ORDERS),
            lambda delivery: resend_tickets(
                order_id=delivery.order_id, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "The tickets of %(count)d order will be sent again.",
                "The tickets of %(count)d orders will be sent again.",
                "count",
            ),
        )

    def has_paid_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether the order is paid, so that its tickets can be sent."""
        return chosen(self, request, object_id).filter(order__status=OrderStatus.PAID).exists()

    @action(description=gettext_lazy("Send the tickets again…"), permissions=["orders", "paid"])
    @on_its_page
    def resend_this(self, request: HttpRequest, rows: QuerySet[Delivery]) -> HttpResponse | None:
        return self.resend_chosen(request, rows)

    @action(description=gettext_lazy("Correct the customer…"), permissions=["orders", "paid"])
    def correct_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        delivery = chosen(self, request, object_id).select_related("order").first()
        if delivery is None:
            return redirect("admin:tickets_delivery_changelist")
        back = reverse("admin:tickets_delivery_change", args=[delivery.pk])
        return customer_page(self, request, delivery.order, back=back)
