"""The admin of deliveries: the state of each ticket mail, and how staff resend or correct it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
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
from unfold.widgets import UnfoldAdminEmailInputWidget

from events.access import within_rights
from events.admin.base import ReadOnlyAdmin, act_on_each, chosen
from events.admin.confirming import Question, after_asking, on_its_page
from events.admin.refusals import say_refusal
from events.roles import Right
from orders.models import Order
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.address_form import AddressFormField
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory
from tickets.delivery import resend_tickets
from tickets.models import Delivery
from tickets.outgoing_admin import COLORS, STATES, StateFilter, state_of
from tickets.printing import tickets_to_print
from tickets.redelivery import redirect_tickets

RESEND_QUESTION = Question(
    text=gettext_lazy("Send the tickets again?"),
    consequences=[gettext_lazy("The buyer gets the same tickets by mail once more.")],
    confirm=gettext_lazy("Yes, send"),
)


class CorrectionForm(forms.Form):
    """An order's new email address. `was` is the address that the page showed."""

    was = forms.CharField(widget=forms.HiddenInput)
    email = AddressFormField(
        label=gettext_lazy("New email address"), widget=UnfoldAdminEmailInputWidget
    )


def correct_address(
    model_admin: ReadOnlyAdmin, request: HttpRequest, order: Order, *, back: HttpResponse
) -> HttpResponse:
    """Show the form for an order's new email address. Correct it once it is valid, then go back."""
    form = CorrectionForm(request.POST or None, initial={"was": order.customer_email})
    if request.method == "POST" and form.is_valid():
        try:
            redirect_tickets(
                order_id=order.pk,
                was=form.cleaned_data["was"],
                becomes=form.cleaned_data["email"],
                actor=user_actor(request.user),
                now=clock.now(),
            )
        except Refusal as refusal:
            messages.error(request, say_refusal(refusal))
        else:
            messages.success(request, _("The address is corrected; the mail is sent to it."))
        return back
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,  # noqa: SLF001 - the admin's own way
        "title": _("Correct the address"),
        "order": order,
        "form": form,
    }
    return TemplateResponse(request, "admin/correct_address.html", context)


@admin.register(Delivery)
class DeliveryAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "order__event__organizer"
    event_path = "order__event"
    right_to_see = Right.SEE_ORDERS
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

    @admin.action(description=gettext_lazy("Send the tickets again"), permissions=["orders"])
    def resend_chosen(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        act_on_each(
            request,
            rows,
            lambda delivery: resend_tickets(
                order_id=delivery.order_id, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "The tickets of %(count)d order will be sent again.",
                "The tickets of %(count)d orders will be sent again.",
                "count",
            ),
        )

    @action(description=gettext_lazy("Send the tickets again"), permissions=["orders"])
    @on_its_page
    @after_asking(lambda rows: replace(RESEND_QUESTION, about=[row.order for row in rows]))
    def resend_this(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        self.resend_chosen(request, rows)

    @action(description=gettext_lazy("Correct the address…"), permissions=["orders"])
    def correct_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        delivery = chosen(self, request, object_id).select_related("order").first()
        if delivery is None:
            return redirect("admin:tickets_delivery_changelist")
        back = redirect("admin:tickets_delivery_change", object_id)
        return correct_address(self, request, delivery.order, back=back)
