"""The pages on which staff correct an order's customer, or give a ticket to another holder."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminEmailInputWidget

from events.admin.base import OwnAdmin
from orders.correction import Contact
from orders.models import Order, OrderStatus
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.address_form import AddressFormField
from ticketing.errors import Refusal
from ticketing.text_form import PersonNameField
from tickets.models import Ticket, TicketStatus
from tickets.order_pages.page import ActPage, show_page, show_refusal
from tickets.order_pages.questions import say_which_offer_ends, say_which_offers_end
from tickets.redelivery import correct_customer
from tickets.replacement import replace_ticket
from tickets.transfers.offering import count_ended_offers


class CustomerForm(forms.Form):
    """An order's customer as it should be. `was_…` is what the page showed."""

    was_name = forms.CharField(widget=forms.HiddenInput, strip=False)
    was_email = forms.CharField(widget=forms.HiddenInput, strip=False, required=False)
    name = PersonNameField(label=gettext_lazy("Customer's name"))
    email = AddressFormField(
        label=gettext_lazy("Customer's email"), widget=UnfoldAdminEmailInputWidget
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # A sale at the box office or of a guest list may have no address, and may stay without one.
        self.fields["email"].required = bool(self["was_email"].value())

    def _clean_fields(self) -> None:
        # An old address may break today's rules. Left as it is, it is no error.
        if self.data.get("email") == self.data.get("was_email"):
            email = self.fields["email"]
            self.fields["email"] = forms.CharField(
                label=email.label, required=email.required, strip=False
            )
        super()._clean_fields()  # type: ignore[misc]


class HolderForm(forms.Form):
    """The new holder of a ticket."""

    holder_name = PersonNameField(label=gettext_lazy("New holder's name"))


def customer_page(
    model_admin: OwnAdmin, request: HttpRequest, order: Order, *, back: str
) -> HttpResponse:
    """Show the form for an order's name and address. Correct them once it is valid, and go back."""
    seen = Contact(order.customer_name, order.customer_email)
    initial = {
        "was_name": seen.name, "name": seen.name, "was_email": seen.email, "email": seen.email,
    }  # fmt: skip
    form = CustomerForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        sent, now = form.cleaned_data, clock.now()
        try:
            correct_customer(
                order_id=order.pk,
                was=Contact(sent["was_name"], sent["was_email"]),
                becomes=Contact(sent["name"], sent["email"]),
                actor=user_actor(request.user),
                now=now,
            )
        except Refusal as refusal:
            show_refusal(request, refusal, about=order)
        else:
            messages.success(request, _say_what_happens(order, sent))
            tell_of_ended_offers(request, order.pk, at=now)
        return redirect(back)
    page = ActPage(
        title=_("Correct the customer of order %(code)s") % {"code": order.code},
        lead=_("Correct the name or the email address of order %(code)s.") % {"code": order.code},
        consequences=_consequences(order),
        form=form,
        confirm=_("Correct the customer"),
        keep=_("Keep the order as it is"),
        back=back,
    )
    return show_page(model_admin, request, page)


def holder_page(model_admin: OwnAdmin, request: HttpRequest, ticket: Ticket) -> HttpResponse:
    """Show the form for a ticket's new holder. Replace the ticket once it is valid."""
    back = reverse("admin:tickets_ticket_change", args=[ticket.pk])
    form = HolderForm(request.POST or None, initial={"holder_name": ticket.holder_name})
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        try:
            new = replace_ticket(
                ticket_id=ticket.pk,
                holder_name=form.cleaned_data["holder_name"],
                actor=user_actor(request.user),
                now=now,
            )
        except Refusal as refusal:
            show_refusal(request, refusal, about=ticket)
            return redirect(back)
        done = _("The ticket is now in the name of %(name)s, with a new code.")
        messages.success(request, done % {"name": new.holder_name})
        tell_of_ended_offers(request, ticket.order_id, at=now)
        return redirect("admin:tickets_ticket_change", new.pk)
    page = ActPage(
        title=_("Change the holder of a ticket"),
        lead=_("Give the ticket of %(name)s to another person.") % {"name": ticket.holder_name},
        consequences=[
            _("The ticket gets a new code. The old code is dead at once: the door refuses it."),
            _("%(email)s gets all tickets of order %(code)s by email again.")
            % {"email": ticket.order.customer_email, "code": ticket.order.code},
            *say_which_offer_ends(ticket),
        ],
        form=form,
        confirm=_("Change the holder"),
        keep=_("Keep the ticket as it is"),
        back=back,
    )
    return show_page(model_admin, request, page)


def tell_of_ended_offers(request: HttpRequest, order_id: UUID, *, at: datetime) -> None:
    """Show how many open offers of an order's tickets ended at that moment, if any."""
    count = count_ended_offers(order_id, at=at)
    if count:
        ended = ngettext(
            "The offer of %(count)d ticket to another person has ended.",
            "The offers of %(count)d tickets to other people have ended.",
            count,
        )
        messages.info(request, ended % {"count": count})


def _consequences(order: Order) -> list[str]:
    if order.status != OrderStatus.PAID:
        return [_("All later emails of the order go to the new address.")]
    # The codes of tickets that were handed on stay.
    valid = Ticket.objects.of_order(order.pk).filter(status=TicketStatus.VALID, transfer=None)
    in_old_name = valid.filter(holder_name=order.customer_name).count()
    count = valid.count()
    return [
        ngettext(
            "New email: the %(count)d valid ticket gets a new code and goes to the new address."
            " The old code is dead at once: the door refuses it.",
            "New email: the %(count)d valid tickets get new codes and go to the new address."
            " The old codes are dead at once: the door refuses them.",
            count,
        )
        % {"count": count},
        ngettext(
            "New name: %(count)d ticket in the name of %(name)s gets the new name and a new code.",
            "New name: %(count)d tickets in the name of %(name)s get the new name and new codes.",
            in_old_name,
        )
        % {"count": in_old_name, "name": order.customer_name},
        *say_which_offers_end(order),
    ]


def _say_what_happens(order: Order, sent: dict[str, Any]) -> str:
    if sent["email"] == sent["was_email"]:
        return _("Order %(code)s: the customer is corrected.") % {"code": order.code}
    words = {"code": order.code, "email": sent["email"]}
    if order.status == OrderStatus.PAID:
        return _("Order %(code)s: new codes are on their way to %(email)s.") % words
    return _("Order %(code)s: all later emails go to %(email)s.") % words
