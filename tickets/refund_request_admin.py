"""The admin of refunds that buyers ask for: staff approve or decline each."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action, display

from events.admin.base import ReadOnlyAdmin, chosen
from events.admin.confirming import dangerous
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal
from ticketing.history import ShowsHistory
from ticketing.models import Act, ActType
from ticketing.money import format_money
from ticketing.sound_admin import worked_out_once
from ticketing.text_form import ReasonField
from tickets.models import RefundRequest, RequestState
from tickets.order_pages.page import ActPage, show_page, show_refusal
from tickets.refund import sum_of_refund
from tickets.refund_requests import approve_request, decline_request, tickets_to_refund

_COLORS = {
    RequestState.OPEN: "warning",
    RequestState.APPROVED: "success",
    RequestState.DECLINED: "default",
}


# An order's refunds and requests are told together: each decides about what the others left.
_ACTS = [
    ActType.ORDER_REFUND_REQUESTED,
    ActType.ORDER_REFUND_DECLINED,
    ActType.ORDER_TICKETS_REFUNDED,
    ActType.ORDER_REFUNDED,
]


class _AnswerForm(forms.Form):
    answer = ReasonField(
        label=gettext_lazy("A sentence to the buyer"),
        required=False,
        help_text=gettext_lazy("The buyer reads it in the mail."),
    )


@admin.register(RefundRequest)
class RefundRequestAdmin(ShowsHistory, ReadOnlyAdmin):
    organizer_path = "order__event__organizer"
    event_path = "order__event"
    right_to_see = Right.SEE_ORDERS
    when_empty = gettext_lazy(
        "Requests of buyers appear here, if a refund policy lets them ask for their money."
    )
    list_display = ["order_code", "customer", "shown_state", "tickets", "requested_at"]
    list_filter = ["state"]
    list_select_related = ["order"]
    search_fields = ["=order__code", "=order__customer_email"]
    search_help_text = gettext_lazy("Order code or email address")
    actions_detail = ["approve_this", "decline_this"]
    fields = [
        "order_link", "customer", "tickets", "amount", "reason", "state", "requested_at",
        "decided_at", "answer",
    ]  # fmt: skip
    readonly_fields = ["order_link", "customer", "tickets", "amount"]

    def history_acts(self, row: RefundRequest) -> QuerySet[Act]:
        return Act.objects.filter(subject_id=row.order_id, type__in=_ACTS)

    def has_open_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Return whether this request is still to be decided."""
        return chosen(self, request, object_id).filter(state=RequestState.OPEN).exists()

    @admin.display(description=gettext_lazy("order"))
    def order_code(self, row: RefundRequest) -> str:
        return row.order.code

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, row: RefundRequest) -> SafeString:
        page = reverse("admin:orders_order_change", args=[row.order_id])
        return format_html('<a href="{}" class="underline">{}</a>', page, row.order.code)

    @admin.display(description=gettext_lazy("customer"))
    def customer(self, row: RefundRequest) -> str:
        return f"{row.order.customer_name} {row.order.customer_email}"

    @admin.display(description=gettext_lazy("tickets"))
    def tickets(self, row: RefundRequest) -> int:
        return len(row.ticket_ids)

    @admin.display(description=gettext_lazy("amount"))
    @worked_out_once
    def amount(self, row: RefundRequest) -> str:
        if row.state != RequestState.OPEN:
            return "–"
        return _amount(row)

    @display(description=gettext_lazy("state"), label=_COLORS, ordering="state")
    def shown_state(self, row: RefundRequest) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @action(description=gettext_lazy("Approve…"), permissions=["refund", "open"])
    def approve_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = chosen(self, request, object_id).select_related("order").first()
        if row is None:
            return redirect("admin:tickets_refundrequest_changelist")
        back = reverse("admin:tickets_refundrequest_change", args=[row.pk])
        if request.method == "POST":
            try:
                actor = user_actor(request.user)
                approve_request(request_id=row.pk, actor=actor, now=clock.now())
            except Refusal as refusal:
                show_refusal(request, refusal, about=row)
            else:
                messages.success(request, _("The refund is made. The buyer gets a mail."))
            return redirect(back)
        count = len(tickets_to_refund(row))
        words = {"code": row.order.code, "amount": _amount(row), "count": count}
        page = ActPage(
            title=_("Approve the refund of order %(code)s") % words,
            lead=ngettext(
                "Refund %(count)d ticket of order %(code)s: %(amount)s?",
                "Refund %(count)d tickets of order %(code)s: %(amount)s?",
                count,
            )
            % words,
            consequences=[
                _("The buyer gets %(amount)s back, the way the order was paid.") % words,
                ngettext(
                    "The ticket is revoked at once: the door refuses it.",
                    "The tickets are revoked at once: the door refuses them.",
                    count,
                ),
                ngettext("The place goes back on sale.", "The places go back on sale.", count),
            ],
            confirm=_("Refund %(amount)s") % words,
            keep=_("Decide later"),
            back=back,
            is_destructive=True,
        )
        return show_page(self, request, page)

    @action(description=gettext_lazy("Decline…"), permissions=["refund", "open"])
    @dangerous
    def decline_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = chosen(self, request, object_id).select_related("order").first()
        if row is None:
            return redirect("admin:tickets_refundrequest_changelist")
        back = reverse("admin:tickets_refundrequest_change", args=[row.pk])
        form = _AnswerForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                decline_request(
                    request_id=row.pk,
                    answer=form.cleaned_data["answer"],
                    actor=user_actor(request.user),
                    now=clock.now(),
                )
            except Refusal as refusal:
                show_refusal(request, refusal, about=row)
            else:
                messages.success(request, _("The request is declined. The buyer gets a mail."))
            return redirect(back)
        words = {"code": row.order.code}
        page = ActPage(
            title=_("Decline the refund of order %(code)s") % words,
            lead=_("Decline the refund of order %(code)s?") % words,
            consequences=[
                _("The tickets stay valid, and no money is returned."),
                _("The buyer gets a mail with your sentence."),
            ],
            form=form,
            confirm=_("Decline the refund"),
            keep=_("Decide later"),
            back=back,
            is_destructive=True,
        )
        return show_page(self, request, page)


def _amount(row: RefundRequest) -> str:
    chosen_ids = [ticket.pk for ticket in tickets_to_refund(row)]
    owed = sum_of_refund(order_id=row.order_id, ticket_ids=chosen_ids)
    return format_money(owed, row.order.currency)
