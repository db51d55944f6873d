"""The pages on which staff choose another type for a sold ticket, read what it costs, and agree."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminRadioSelectWidget

from events.admin.base import OwnAdmin
from events.catalogue import left_by_type
from events.models import TicketType
from events.wording import say_left
from orders.exchanges import OF_CHEAPER, OF_DEARER, Difference, cash_of_tickets
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal
from ticketing.money import format_money
from ticketing.text_form import ReasonField
from tickets.exchange import WantedExchange, difference_of, exchange_ticket
from tickets.models import Ticket
from tickets.order_pages.page import ActPage, show_page, show_refusal
from tickets.order_pages.questions import say_which_offer_ends


class TypeForm(forms.Form):
    """The type that a ticket shall have."""

    ticket_type = forms.ModelChoiceField(
        TicketType.objects.none(),
        error_messages={"required": gettext_lazy("Choose a ticket type.")},
    )

    def __init__(self, ticket: Ticket, data: Any = None) -> None:
        super().__init__(data)
        others = ticket.event.ticket_types.exclude(pk=ticket.ticket_type_id)
        self.fields["ticket_type"].queryset = others.order_by("number")  # type: ignore[attr-defined]


class DifferenceForm(forms.Form):
    """What happens with the difference of the price, and why. Without a difference: why alone."""

    difference = forms.ChoiceField(
        label=gettext_lazy("The difference"), widget=UnfoldAdminRadioSelectWidget
    )
    reason = ReasonField(required=False)

    def __init__(self, difference: Decimal, currency: str, data: Any = None) -> None:
        super().__init__(data)
        if not difference:
            del self.fields["difference"]
            return
        words = {"amount": format_money(abs(difference), currency)}
        said = {
            Difference.REFUND: _("Give %(amount)s back, the way the order was paid"),
            Difference.KEEP: _("Give nothing back"),
            Difference.CASH: _("%(amount)s were taken in cash"),
            Difference.WAIVE: _("Waive %(amount)s: say why below"),
        }
        fitting = OF_CHEAPER if difference < 0 else OF_DEARER
        self.fields["difference"].choices = [(one.value, said[one] % words) for one in fitting]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("difference") == Difference.WAIVE and not cleaned.get("reason", "").strip():
            self.add_error("reason", _("Say why the difference is waived."))
        return cleaned


@dataclass(frozen=True, slots=True)
class TypeRow:
    """A ticket type as the page offers it for one ticket."""

    id: str
    name: str
    shown_difference: str
    shown_left: str
    is_open: bool
    is_chosen: bool


def exchange_page(model_admin: OwnAdmin, request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """Show the choice of types, then the difference and what happens, then exchange the ticket."""
    back = reverse("admin:tickets_ticket_change", args=[ticket.pk])
    choice = TypeForm(ticket, request.POST if request.method == "POST" else None)
    if not choice.is_valid():
        return _show_choice(model_admin, request, ticket, choice, back)
    kind: TicketType = choice.cleaned_data["ticket_type"]
    difference = difference_of(ticket, kind)
    agreed = _read_amount(request.POST.get("agreed", ""))
    form = DifferenceForm(
        difference, ticket.order.currency, request.POST if agreed is not None else None
    )
    if agreed is not None and agreed != difference:
        messages.warning(request, _("The price has changed meanwhile. Check the sum again."))
        form = DifferenceForm(difference, ticket.order.currency)
    if not form.is_valid():
        return _show_difference(model_admin, request, ticket, kind, difference, form, back)
    chosen = form.cleaned_data.get("difference")
    wanted = WantedExchange(
        ticket_id=ticket.pk,
        ticket_type_id=kind.pk,
        difference=Difference(chosen) if chosen else None,
        reason=form.cleaned_data["reason"],
        agreed=difference,
    )
    try:
        new = exchange_ticket(wanted=wanted, actor=user_actor(request.user), now=clock.now())
    except Refusal as refusal:
        show_refusal(request, refusal, about=ticket)
        return redirect(back)
    done = _("The ticket of %(name)s is now %(type)s, with a new code that is on its way by email.")
    messages.success(request, done % {"name": new.holder_name, "type": kind.name})
    return redirect("admin:tickets_ticket_change", new.pk)


def _show_choice(
    model_admin: OwnAdmin, request: HttpRequest, ticket: Ticket, form: TypeForm, back: str
) -> HttpResponse:
    kinds = list(form.fields["ticket_type"].queryset)  # type: ignore[attr-defined]
    left = left_by_type([ticket.event_id])
    rows = [
        TypeRow(
            id=str(kind.pk),
            name=kind.name,
            shown_difference=_say_difference(difference_of(ticket, kind), ticket.order.currency),
            shown_left=say_left(left.get(kind.pk, 0)),
            is_open=left.get(kind.pk, 0) > 0,
            is_chosen=request.POST.get("ticket_type") == str(kind.pk),
        )
        for kind in kinds
    ]
    page = ActPage(
        title=_("Move a ticket to another type"),
        lead=_("Which type shall the ticket of %(name)s have?") % {"name": ticket.holder_name},
        consequences=[
            _("It is %(type)s now and was sold for %(amount)s.")
            % {
                "type": ticket.ticket_type.name,
                "amount": format_money(ticket.price, ticket.order.currency),
            }
        ],
        form=form,
        shows=[],
        confirm=_("Continue with this type"),
        keep=_("Keep the ticket as it is"),
        back=back,
    )
    return show_page(model_admin, request, page, template="admin/exchange_page.html", rows=rows)


def _show_difference(  # noqa: PLR0913, PLR0917 - the parts of a page
    model_admin: OwnAdmin,
    request: HttpRequest,
    ticket: Ticket,
    kind: TicketType,
    difference: Decimal,
    form: DifferenceForm,
    back: str,
) -> HttpResponse:
    words = {"name": ticket.holder_name, "old": ticket.ticket_type.name, "new": kind.name}
    page = ActPage(
        title=_("Move a ticket to another type"),
        lead=_("Move the ticket of %(name)s from %(old)s to %(new)s?") % words,
        consequences=_consequences(ticket, difference),
        form=form,
        carries={"ticket_type": kind.pk, "agreed": difference},
        confirm=_("Move the ticket to %(new)s") % words,
        keep=_("Keep the ticket as it is"),
        back=back,
    )
    return show_page(model_admin, request, page)


def _consequences(ticket: Ticket, difference: Decimal) -> list[str]:
    words = {"amount": format_money(abs(difference), ticket.order.currency)}
    lines = [_("The price is the same.")]
    if difference:
        dearer = _("The new type costs %(amount)s more.")
        lines = [(dearer if difference > 0 else _("The new type costs %(amount)s less.")) % words]
    in_cash = cash_of_tickets(ticket.order_id).get((ticket.order_item_id, ticket.position))
    if difference < 0 and in_cash:
        by_hand = format_money(min(in_cash, -difference), ticket.order.currency)
        lines.append(
            _("%(amount)s of it was taken in cash: give that back by hand.") % {"amount": by_hand}
        )
    elif difference > 0:
        lines.append(_("No card is charged: take the money by hand, or waive it."))
    return [
        *lines,
        _("The ticket gets a new code. The old code is dead at once: the door refuses it."),
        _("%(email)s gets all tickets of order %(code)s by email again.")
        % {"email": ticket.order.customer_email or "–", "code": ticket.order.code},
        *say_which_offer_ends(ticket),
        _("The old place goes back on sale."),
    ]


def _say_difference(difference: Decimal, currency: str) -> str:
    words = {"amount": format_money(abs(difference), currency)}
    if difference > 0:
        return _("%(amount)s more") % words
    return _("%(amount)s less") % words if difference else _("the same price")


def _read_amount(text: str) -> Decimal | None:
    try:
        amount: Decimal | None = forms.DecimalField(required=False).clean(text)
    except forms.ValidationError:
        return None
    return amount
