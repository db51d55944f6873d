"""The pages on which staff choose tickets of an order, read the sum, and refund them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from events.admin.base import OwnAdmin
from events.models import EventStatus
from orders.models import Order
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal
from ticketing.money import format_money
from ticketing.text_form import ReasonField
from tickets.models import Ticket, TicketStatus
from tickets.order_pages.page import ActPage, show_page, show_refusal
from tickets.refund import cash_of_refund, refund_tickets, sum_of_refund
from tickets.ticket_codes import readable_codes


class RefundForm(forms.Form):
    """Which tickets of an order are refunded, and why. `agreed` is the sum that was confirmed."""

    tickets = forms.MultipleChoiceField(
        required=False,
        error_messages={"invalid_choice": gettext_lazy("This ticket is refunded already.")},
    )
    reason = ReasonField(required=False)
    agreed = forms.DecimalField(required=False)

    def __init__(self, tickets: list[Ticket], *data: Any) -> None:
        super().__init__(*data)
        self.every: dict[str, Ticket] = {
            str(ticket.pk): ticket for ticket in tickets if ticket.refunded_at is None
        }
        self.fields["tickets"].choices = [(pk, pk) for pk in self.every]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "all" in self.data:
            cleaned["tickets"] = list(self.every)
        elif not cleaned.get("tickets") and "tickets" not in self.errors:
            self.add_error("tickets", _("Choose at least one ticket."))
        return cleaned

    @property
    def chosen(self) -> list[Ticket]:
        return [self.every[pk] for pk in self.cleaned_data["tickets"]]


@dataclass(frozen=True, slots=True)
class TicketRow:
    """One ticket as the page offers it."""

    id: str
    ticket_type: str
    holder_name: str
    code: str
    price: Decimal
    shown_price: str
    mark: str
    is_open: bool
    is_chosen: bool


def refund_page(model_admin: OwnAdmin, request: HttpRequest, order: Order) -> HttpResponse:
    """Show the choice of tickets, then the sum and the consequences, then refund and go back."""
    of_order = Ticket.objects.of_order(order.pk)
    tickets = list(of_order.select_related("order", "order_item", "ticket_type"))
    form = RefundForm(tickets, *([request.POST] if request.method == "POST" else []))
    back = reverse("admin:orders_order_change", args=[order.pk])
    if not form.is_valid():
        return _show_choice(model_admin, request, order, tickets, form, back)
    amount = sum_of_refund(order_id=order.pk, ticket_ids=[one.pk for one in form.chosen])
    if form.cleaned_data["agreed"] != amount:
        if form.cleaned_data["agreed"] is not None:
            messages.warning(request, _("The order has changed meanwhile. Check the sum again."))
        return _show_sum(model_admin, request, order, form, amount, back)
    try:
        refund_tickets(
            order_id=order.pk,
            ticket_ids=[ticket.pk for ticket in form.chosen],
            reason=form.cleaned_data["reason"],
            actor=user_actor(request.user),
            now=clock.now(),
        )
    except Refusal as refusal:
        show_refusal(request, refusal, about=order)
    else:
        done = ngettext(
            "%(count)d ticket refunded: the buyer gets %(amount)s back.",
            "%(count)d tickets refunded: the buyer gets %(amount)s back.",
            len(form.chosen),
        )
        shown = format_money(amount, order.currency)
        messages.success(request, done % {"count": len(form.chosen), "amount": shown})
    return redirect(back)


def _show_choice(  # noqa: PLR0913, PLR0917 - the parts of a page
    model_admin: OwnAdmin,
    request: HttpRequest,
    order: Order,
    tickets: list[Ticket],
    form: RefundForm,
    back: str,
) -> HttpResponse:
    codes = readable_codes(tickets)
    asked = set(request.POST.getlist("tickets"))
    only_one = len(form.every) == 1
    rows = [
        TicketRow(
            id=str(ticket.pk),
            ticket_type=ticket.ticket_type.name,
            holder_name=ticket.holder_name,
            code=codes[ticket.pk],
            price=ticket.price,
            shown_price=format_money(ticket.price, order.currency),
            mark=_mark(ticket),
            is_open=ticket.refunded_at is None,
            is_chosen=only_one or str(ticket.pk) in asked,
        )
        for ticket in tickets
    ]
    page = ActPage(
        title=_("Refund tickets of order %(code)s") % {"code": order.code},
        lead=_(
            "Choose the tickets to refund. The next page shows the sum before anything happens."
        ),
        form=form,
        shows=["reason"],
        confirm=_("Continue with the chosen tickets"),
        keep=_("Keep the order"),
        back=back,
    )
    every = sum_of_refund(order_id=order.pk, ticket_ids=[one.pk for one in form.every.values()])
    return show_page(
        model_admin,
        request,
        page,
        template="admin/refund_page.html",
        rows=rows,
        all_of_them=None if only_one else format_money(every, order.currency),
        currency=order.currency,
    )


def _show_sum(  # noqa: PLR0913, PLR0917 - the parts of a page
    model_admin: OwnAdmin,
    request: HttpRequest,
    order: Order,
    form: RefundForm,
    amount: Decimal,
    back: str,
) -> HttpResponse:
    count = len(form.chosen)
    words = {"count": count, "amount": format_money(amount, order.currency), "code": order.code}
    page = ActPage(
        title=_("Refund tickets of order %(code)s") % words,
        lead=ngettext(
            "Refund %(count)d ticket of order %(code)s: %(amount)s?",
            "Refund %(count)d tickets of order %(code)s: %(amount)s?",
            count,
        )
        % words,
        consequences=_consequences(order, form, words),
        confirm=ngettext(
            "Refund %(count)d ticket (%(amount)s)", "Refund %(count)d tickets (%(amount)s)", count
        )
        % words,
        keep=_("Keep the order"),
        back=back,
        is_destructive=True,
    )
    agreed = {
        "tickets": form.cleaned_data["tickets"],
        "reason": form.cleaned_data["reason"],
        "agreed": amount,
    }
    template = "admin/refund_sum.html"
    return show_page(
        model_admin, request, page, template=template, agreed=agreed, chosen=form.chosen
    )


def _consequences(order: Order, form: RefundForm, words: dict[str, Any]) -> list[str]:
    lines = [
        _("The buyer gets %(amount)s back, the way the order was paid.") % words,
        ngettext(
            "The ticket is revoked at once: the door refuses it.",
            "The tickets are revoked at once: the door refuses them.",
            len(form.chosen),
        ),
        _("The buyer is told by email."),
    ]
    if by_hand := cash_of_refund(order_id=order.pk, tickets=form.chosen):
        shown = format_money(by_hand, order.currency)
        lines.insert(
            1, _("%(amount)s of it was taken in cash: give that back by hand.") % {"amount": shown}
        )
    if order.event.status == EventStatus.PUBLISHED:
        lines.append(
            ngettext(
                "The place goes back on sale.", "The places go back on sale.", len(form.chosen)
            )
        )
    used = sum(ticket.status == TicketStatus.USED for ticket in form.chosen)
    if used:
        lines.append(
            ngettext(
                "%(count)d of them was used already: its guest has entered.",
                "%(count)d of them were used already: their guests have entered.",
                used,
            )
            % {"count": used}
        )
    left = len(form.every) - len(form.chosen)
    if left:
        lines.append(
            ngettext(
                "The order keeps its other ticket.",
                "The order keeps its %(count)d other tickets.",
                left,
            )
            % {"count": left}
        )
    else:
        lines.append(_("No ticket is left: the order becomes “refunded”."))
    return lines


def _mark(ticket: Ticket) -> str:
    if ticket.refunded_at is not None:
        return _("refunded already")
    return "" if ticket.status == TicketStatus.VALID else str(ticket.get_status_display())
